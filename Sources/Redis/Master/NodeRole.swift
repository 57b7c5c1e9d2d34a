/// What a Redis server says it is: its answer to `ROLE`.
public enum NodeRole: Sendable, Equatable {
    /// A master. That it says so makes it nobody's master: see `MasterResolver`.
    case master
    /// A replica of `master`.
    case replica(of: Endpoint, link: ReplicaLink, offset: Int64)

    /// The role in an answer to `ROLE`; nil for anything else, such as a Sentinel's answer or an error.
    public init?(_ answer: TopologyValue) {
        guard let parts = answer.list, let word = parts.first?.text else { return nil }
        switch word {
        case Array("master".utf8):
            self = .master
        case Array("slave".utf8):
            guard parts.count == 5, let host = parts[1].text,
                let port = parts[2].number.flatMap(UInt64.init(exactly:)),
                let endpoint = Endpoint(host: host, port: port),
                let state = parts[3].text,
                let link = ReplicaLink(rawValue: String(decoding: state, as: UTF8.self)),
                case .number(let offset) = parts[4]
            else { return nil }
            self = .replica(of: endpoint, link: link, offset: offset)
        default: return nil
        }
    }
}

/// How a replica stands with its master, in the words of `ROLE`.
public enum ReplicaLink: String, Sendable, CaseIterable {
    /// Not connected, and not trying either.
    case none
    /// It has to connect.
    case connect
    /// It is connecting.
    case connecting
    /// Connected, before the first synchronisation.
    case handshake
    /// It is loading the master's data.
    case sync
    /// It follows.
    case connected
    /// A state that the server itself does not know.
    case unknown
}
