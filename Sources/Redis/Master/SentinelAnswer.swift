/// Answers of a Sentinel to questions about a group, as values. What is malformed is nil: the driver
/// reports it as `ResolverEvent.malformed` and goes on.
public enum SentinelAnswer {
    /// Rows of one answer that are looked at.
    static let rowsMax = 64

    /// `SENTINEL GET-MASTER-ADDR-BY-NAME`: the master it names, or `.nobody`; nil if malformed.
    public static func master(_ answer: TopologyValue) -> NamedMaster? {
        switch answer {
        case .null: return .nobody
        case .list(let parts):
            guard parts.count == 2, let host = parts[0].text, let port = parts[1].text,
                let endpoint = Endpoint(host: host, port: Decimal.value(port))
            else { return nil }
            return .endpoint(endpoint)
        default: return nil
        }
    }

    /// `SENTINEL REPLICAS`: where the replicas listen. Rows without an address are left out (a replica
    /// that Sentinel knows by a name which does not resolve has none); nil if it is no table.
    public static func replicas(_ answer: TopologyValue) -> [Endpoint]? {
        rows(answer)?.compactMap(\.endpoint)
    }

    /// `SENTINEL SENTINELS`: the others that it knows. Rows without address or identity are left out;
    /// nil if it is no table.
    public static func sentinels(_ answer: TopologyValue) -> [SentinelPeer]? {
        rows(answer)?.compactMap { row in
            guard let endpoint = row.endpoint, let id = row.id else { return nil }
            return SentinelPeer(endpoint: endpoint, id: id)
        }
    }

    private struct Row {
        var host: [UInt8]?
        var port: UInt64?
        var id: RunID?

        var endpoint: Endpoint? { host.flatMap { Endpoint(host: $0, port: port) } }
    }

    /// Each row is a flat list of names and values.
    private static func rows(_ answer: TopologyValue) -> [Row]? {
        guard let list = answer.list else { return nil }
        var rows: [Row] = []
        for element in list.prefix(rowsMax) {
            guard let cells = element.list, cells.count.isMultiple(of: 2) else { return nil }
            var row = Row()
            for index in stride(from: 0, to: cells.count, by: 2) {
                guard let name = cells[index].text, let value = cells[index + 1].text
                else { return nil }
                switch name {
                case Array("ip".utf8): row.host = value
                case Array("port".utf8): row.port = Decimal.value(value)
                case Array("runid".utf8): row.id = RunID(value)
                default: break
                }
            }
            rows.append(row)
        }
        return rows
    }
}

/// Whom a Sentinel names as master of the group.
public enum NamedMaster: Sendable, Hashable {
    /// This one.
    case endpoint(Endpoint)
    /// It does not know the group.
    case nobody
}

/// A Sentinel as another one knows it.
public struct SentinelPeer: Sendable, Hashable {
    /// Where it listens.
    public let endpoint: Endpoint
    /// Its identity, which `SENTINEL MYID` of that one answers as well.
    public let id: RunID

    /// A Sentinel of these parts.
    public init(endpoint: Endpoint, id: RunID) {
        self.endpoint = endpoint
        self.id = id
    }
}
