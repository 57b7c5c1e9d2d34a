/// Splits `host:port`, the form that URLs and listeners share.
enum HostAndPort {
    /// A host (lower case, no brackets) and a port; without `:port` the default, which must exist.
    static func split(
        _ text: Substring, defaultPort: UInt16?
    ) throws(TextProblem) -> (host: String, port: UInt16) {
        var host = text
        var port: Substring?
        if text.first == "[" {
            guard let close = text.firstIndex(of: "]") else {
                throw TextProblem(expected: "`]` after the IPv6 address", found: String(text))
            }
            host = text[text.index(after: text.startIndex)..<close]
            let tail = text[text.index(after: close)...]
            guard tail.isEmpty || tail.first == ":" else {
                throw TextProblem(expected: "`:` and a port behind `]`", found: String(tail))
            }
            port = tail.isEmpty ? nil : tail.dropFirst()
            guard ClientAddress(host)?.isIPv4 == false else {
                throw TextProblem(expected: "an IPv6 address in brackets", found: String(host))
            }
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        let isHost = text.first == "[" || HostPattern.isHostName(String(host))
        guard isHost || (host.isEmpty && defaultPort == nil) else {
            throw TextProblem(expected: "a host name or address", found: String(host))
        }
        guard let port else {
            guard let defaultPort else {
                throw TextProblem(expected: "HOST:PORT", found: String(text))
            }
            return (host.lowercased(), defaultPort)
        }
        return (host.lowercased(), try number(port, allowsZero: defaultPort == nil))
    }

    /// A port number without sign and leading zeros.
    static func number(_ text: Substring, allowsZero: Bool) throws(TextProblem) -> UInt16 {
        guard text.utf8.allSatisfy({ $0.isDigit }), let port = UInt16(text), allowsZero || port > 0
        else {
            throw TextProblem(
                expected: "a port from \(allowsZero ? 0 : 1) to 65535", found: String(text))
        }
        return port
    }
}

extension ListenAddress {
    /// Reads `IPv4:port`, `[IPv6]:port`, `localhost:port` or `:port` (all IPv4 addresses).
    public init(_ text: String) throws(TextProblem) {
        let (host, port) = try HostAndPort.split(text[...], defaultPort: nil)
        switch host {
        case "": self.init(address: .anyIPv4, port: port)
        case "localhost": self.init(address: .loopbackIPv4, port: port)
        default:
            guard let address = ClientAddress(host) else {
                throw TextProblem(expected: "an IP address to listen on", found: host)
            }
            self.init(address: address, port: port)
        }
    }

    /// Whether both cannot be listened on at once: the same port, and one address covers the other.
    func overlaps(_ other: ListenAddress) -> Bool {
        guard port == other.port, port != 0, address.isIPv4 == other.address.isIPv4 else {
            return false
        }
        return address == other.address || address.isUnspecified || other.address.isUnspecified
    }
}
