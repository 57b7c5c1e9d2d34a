/// What a server answers to a command (RESP2).
public enum Reply: Equatable, Sendable {
    /// A short text that is not data, such as `OK`.
    case status(String)
    /// The server refused the command.
    case error(ServerError)
    /// A number.
    case integer(Int64)
    /// Data.
    case bulk([UInt8])
    /// Nothing: no such key, or no result.
    case null
    /// Replies in order.
    case array([Reply])
}

extension Reply {
    /// The bytes of data or of a status; nil for everything else.
    public var bytes: [UInt8]? {
        switch self {
        case .bulk(let bytes): bytes
        case .status(let text): Array(text.utf8)
        case .error, .integer, .null, .array: nil
        }
    }

    /// Data or a status as text; bytes that are not UTF-8 are replaced. Nil for everything else.
    public var text: String? {
        switch self {
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        case .error, .integer, .null, .array: nil
        }
    }

    /// The number, also one that came as decimal digits; nil for everything else.
    public var number: Int64? {
        switch self {
        case .integer(let number): number
        case .bulk, .status: text.flatMap { Int64($0) }
        case .error, .null, .array: nil
        }
    }

    /// The elements of an array; nil for everything else.
    public var elements: [Reply]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}

/// A reply that says no: `READONLY You can't write against a read only replica.`
public struct ServerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What its first word says.
    public let kind: Kind
    /// The server's words; the first one is the code.
    public let description: String

    /// An error reply's text, without the `-`.
    public init(_ text: String) {
        description = text
        let code = text.prefix { $0 != " " }
        kind = Kind(rawValue: String(code)) ?? .other
    }

    /// The codes that somebody here acts on.
    public enum Kind: String, CaseIterable, Sendable {
        /// A write was sent to a replica.
        case readOnly = "READONLY"
        /// The server reads its data set from disk.
        case loading = "LOADING"
        /// A replica that has lost its master and does not serve old data.
        case masterDown = "MASTERDOWN"
        /// A master with too few replicas to accept writes.
        case noReplicas = "NOREPLICAS"
        /// The connection has to authenticate first.
        case noAuthentication = "NOAUTH"
        /// The user or the password is wrong.
        case wrongPassword = "WRONGPASS"
        /// The user may not do this.
        case noPermission = "NOPERM"
        /// A script is not in the server's cache.
        case noScript = "NOSCRIPT"
        /// A script runs for too long.
        case busy = "BUSY"
        /// The memory limit is reached and nothing may be evicted.
        case outOfMemory = "OOM"
        /// Any other code.
        case other = ""
    }
}
