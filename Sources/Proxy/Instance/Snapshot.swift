internal import HTTP1
internal import ProxyCore

/// Settings made ready for use: immutable, shared by all workers, replaced as a whole by a reload.
final class Snapshot: Sendable {
    let settings: Settings
    let table: RouteTable
    let headLimits: HeadLimits
    /// Our own name in Via.
    let viaBytes: [UInt8]
    private let via10: [UInt8]
    private let via11: [UInt8]
    let requestEdits: [FieldEditor]
    let responseEdits: [FieldEditor]
    /// Start of each route's cache keys.
    let keyPrefixes: [[UInt8]]
    let nameHashes: [UInt64]
    /// The rules of `limits`; nil: there are none.
    let limits: LimitSet?

    init(_ settings: Settings, limits: LimitSet? = nil) {
        self.settings = settings
        self.limits = limits
        keyPrefixes = settings.routes.map { settings.keyPrefix(of: $0) }
        nameHashes = settings.routes.map { stableHash(Array($0.name.utf8).span) }
        table = RouteTable(routes: settings.routes)
        headLimits = HeadLimits(
            headBytesMax: settings.client.headBytesMax, fieldsMax: settings.client.fieldsMax,
            targetBytesMax: settings.client.targetBytesMax)
        viaBytes = Array(settings.via.utf8)
        via10 = Array("Via: 1.0 \(settings.via)\r\n".utf8)
        via11 = Array("Via: 1.1 \(settings.via)\r\n".utf8)
        requestEdits = settings.routes.map { FieldEditor($0.request) }
        responseEdits = settings.routes.map { FieldEditor($0.response) }
    }

    /// The complete Via line for a message that was received in `version` (RFC 9110 §7.6.3).
    func viaField(for version: Version) -> [UInt8] { version == .http10 ? via10 : via11 }

    /// The route that takes a request.
    func match(_ head: RequestHead) -> RouteMatch {
        let bytes = head.bytes
        let method = head.method.rawValue
        var host: Span<UInt8>?
        if let authority = head.authority { host = bytes.span.extracting(authority.indices) }
        if head.asksForServer {
            return table.match(path: Snapshot.asterisk.span, method: method, host: host)
        }
        if head.path.isEmpty {
            return table.match(path: Snapshot.root.span, method: method, host: host)
        }
        return table.match(
            path: bytes.span.extracting(head.path.indices), method: method, host: host)
    }

    private static let asterisk = [UInt8(ascii: "*")]
    private static let root = [UInt8(ascii: "/")]
}
