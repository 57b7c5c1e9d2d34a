internal import HTTP1

/// The keys of the shared cache in Redis, behind the prefix of the configuration.
public struct SharedNames: Sendable, Equatable {
    /// What all keys begin with.
    public let prefix: [UInt8]

    /// Keys behind a prefix.
    public init(prefix: [UInt8] = []) { self.prefix = prefix }

    /// The key of a record.
    public func object(_ key: SharedKey) -> [UInt8] { named("r:1:", key) }

    /// The key of the lease on fetching it.
    public func lease(_ key: SharedKey) -> [UInt8] { named("l:", key) }

    /// The key of a generation.
    public func generation(_ name: GenerationName) -> [UInt8] {
        var bytes = prefix + "g:".utf8
        bytes.append(name.kind.rawValue)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(hex: name.number)
        return bytes
    }

    /// The prefixes that are listened to. None is a prefix of another: Redis would refuse them.
    public var tracked: [[UInt8]] { ["r:", "g:", "h:"].map { prefix + Array($0.utf8) } }

    private func named(_ start: String, _ key: SharedKey) -> [UInt8] {
        var bytes = prefix + start.utf8
        bytes.append(hex: key.high)
        bytes.append(hex: key.low)
        return bytes
    }
}

/// What a key means whose change was heard.
public enum SharedInvalidation: Sendable, Equatable {
    /// The record under this name changed or went.
    case object(SharedKey)
    /// This was purged.
    case purge(Purge, PurgeMode)
    /// A heartbeat, by its key behind the prefix.
    case heartbeat([UInt8])
    /// Nothing to this version: a generation was made, or the key is not ours.
    case nothing
}

extension SharedNames {
    /// What the change of a key means. Any bytes may come.
    public func meaning(of key: Span<UInt8>) -> SharedInvalidation {
        guard key.hasPrefix(prefix) else { return .nothing }
        let name = key.extracting(prefix.count..<key.count)
        if name.hasPrefix(Array("r:1:".utf8)) {
            return SharedKey(hex: name.extracting(4..<name.count)).map(SharedInvalidation.object)
                ?? .nothing
        }
        if name.hasPrefix(Heartbeat.prefix) { return .heartbeat([UInt8](copying: name)) }
        // "g:!", mode, ":", what was purged
        guard name.hasPrefix(Array("g:!".utf8)), name.count > 5, name[4] == UInt8(ascii: ":"),
            let purge = Self.purge(name.extracting(5..<name.count))
        else { return .nothing }
        switch name[3] {
        case UInt8(ascii: "h"): return .purge(purge, .hard)
        case UInt8(ascii: "s"): return .purge(purge, .soft)
        default: return .nothing
        }
    }

    private static func purge(_ notice: Span<UInt8>) -> Purge? {
        if notice.count == 1, notice[0] == UInt8(ascii: "a") { return .all }
        guard notice.count > 2, notice[1] == UInt8(ascii: ":") else { return nil }
        let rest = notice.extracting(2..<notice.count)
        switch notice[0] {
        case UInt8(ascii: "r"): return rest.hexNumber.map(Purge.route)
        case UInt8(ascii: "t"): return rest.hexNumber.map(Purge.tag)
        case UInt8(ascii: "k"): return rest.hexNumber.map(Purge.target)
        case UInt8(ascii: "p"):
            // A host has no slash, and a path begins with one.
            var slash = 0
            while slash < rest.count, rest[slash] != UInt8(ascii: "/") { slash += 1 }
            guard slash < rest.count else { return nil }
            let host = [UInt8](copying: rest.extracting(0..<slash))
            let path = [UInt8](copying: rest.extracting(slash..<rest.count))
            return .prefix(path, host: host == [UInt8(ascii: "*")] ? nil : host)
        default: return nil
        }
    }

    /// What listeners are told of a purge.
    static func notice(_ purge: Purge) -> [UInt8] {
        func named(_ kind: String, _ hash: UInt64) -> [UInt8] {
            var bytes = Array(kind.utf8)
            bytes.append(hex: hash)
            return bytes
        }
        switch purge {
        case .all: return [UInt8(ascii: "a")]
        case .route(let hash): return named("r:", hash)
        case .tag(let hash): return named("t:", hash)
        case .target(let hash): return named("k:", hash)
        case .prefix(let path, let host): return "p:".utf8 + (host ?? [UInt8(ascii: "*")]) + path
        }
    }
}
