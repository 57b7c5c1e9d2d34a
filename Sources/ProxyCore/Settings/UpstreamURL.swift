/// The place of an upstream: `http(s)://host[:port][/prefix]`.
public struct UpstreamURL: Sendable, Equatable, Hashable {
    /// How it is spoken to.
    public enum Scheme: String, Sendable, CaseIterable {
        /// In the clear.
        case http
        /// Under TLS.
        case https

        /// The port when none is written.
        public var defaultPort: UInt16 { self == .http ? 80 : 443 }
    }

    /// How it is spoken to.
    public let scheme: Scheme
    /// A name in lower case or an IP address; IPv6 without brackets.
    public let host: String
    /// The TCP port.
    public let port: UInt16
    /// What is put before every path: empty, or `/…` without a slash at its end.
    public let prefix: String

    /// Reads a URL, or says what is wrong with it. User information, query and fragment are refused.
    public init(_ text: String) throws(TextProblem) {
        let (url, userInfo) = try Self.parse(text)
        guard userInfo == nil else {
            throw TextProblem("expected no user name or password in the URL; set a field instead")
        }
        self = url
    }

    private init(scheme: Scheme, host: String, port: UInt16, prefix: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.prefix = prefix
    }

    /// The host, in brackets where it is IPv6, and the port unless it is the scheme's: the `Host`
    /// field (RFC 9110 §7.2).
    public var authority: String {
        let bracketed = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return port == scheme.defaultPort ? bracketed : "\(bracketed):\(port)"
    }

    /// A URL and the user information in it (percent-encoded, as written).
    static func parse(_ text: String) throws(TextProblem) -> (UpstreamURL, String?) {
        let expected = "a URL such as https://api.example.com"
        guard let scheme = Scheme.allCases.first(where: { text.hasPrefix("\($0.rawValue)://") })
        else { throw TextProblem(expected: expected, found: redacted(text)) }
        let rest = text.dropFirst(scheme.rawValue.count + 3)
        if rest.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7f }) {
            throw TextProblem("expected a URL without spaces, control or non-ASCII characters")
        }
        if rest.utf8.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
            throw TextProblem("expected a URL without query and fragment")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<slash]
        var userInfo: String?
        if let at = authority.lastIndex(of: "@") {
            userInfo = String(authority[..<at])
            authority = authority[authority.index(after: at)...]
        }
        let (host, port) = try HostAndPort.split(authority, defaultPort: scheme.defaultPort)
        let prefix = try Self.prefix(String(rest[slash...]))
        return (UpstreamURL(scheme: scheme, host: host, port: port, prefix: prefix), userInfo)
    }

    /// A path put before others: no empty and no dot segments, no slash at its end.
    static func prefix(_ text: String) throws(TextProblem) -> String {
        var prefix = text[...]
        while prefix.last == "/" { prefix = prefix.dropLast() }
        if prefix.isEmpty { return "" }
        let bytes = Array(prefix.utf8)
        var scan = PathScan()
        if let defect = scan.scan(bytes.span) {
            throw TextProblem("expected a plain path prefix, found \(defect.explanation)")
        }
        guard !scan.hasInnerEmpty else {
            throw TextProblem(expected: "a path prefix without `//`", found: text)
        }
        return String(prefix)
    }

    /// `text` with everything between `//` and `@` replaced by `***`.
    static func redacted(_ text: String) -> String {
        guard let at = text.lastIndex(of: "@") else { return text }
        let head = text[..<at]
        let start = head.firstRange(of: "//")?.upperBound ?? head.startIndex
        return "\(text[..<start])***\(text[at...])"
    }
}

extension UpstreamURL: CustomStringConvertible {
    /// The URL in its shortest form.
    public var description: String { "\(scheme.rawValue)://\(authority)\(prefix)" }
}
