import Redis
import Support

/// One master, two replicas, three Sentinels.
final class Topology: Sendable {
    let master: RedisServer
    let replicas: [RedisServer]
    let sentinels: [RedisServer]
    static let group = "main"

    var nodes: [RedisServer] { [master] + replicas }

    /// Starts all and waits until everybody knows everybody. With `password` both the nodes and the
    /// Sentinels ask for it.
    init(password: String? = nil, downAfterMilliseconds: Int = 500) throws {
        var options: [String] = []
        if let password { options = ["--requirepass", password, "--masterauth", password] }
        master = try RedisServer(options)
        let port = "\(master.endpoint.port)"
        replicas = try (0..<2).map { _ in
            try RedisServer(options + ["--replicaof", "127.0.0.1", port])
        }
        let nodes = [master] + replicas
        try RedisServer.wait("the replicas") {
            try password != nil
                || nodes[0].read("INFO", "replication").contains("connected_slaves:2")
        }
        let group = Self.group
        var lines = [
            "sentinel monitor \(group) 127.0.0.1 \(port) 2",
            "sentinel down-after-milliseconds \(group) \(downAfterMilliseconds)",
            "sentinel failover-timeout \(group) 10000", "sentinel parallel-syncs \(group) 1",
        ]
        if let password {
            lines.append("sentinel auth-pass \(group) \(password)")
            lines += ["requirepass \(password)", "sentinel sentinel-pass \(password)"]
        }
        let configuration = lines
        sentinels = try (0..<3).map { _ in try RedisServer(sentinel: configuration) }
        guard password == nil else { return }
        for sentinel in sentinels {
            try RedisServer.wait("the Sentinels") {
                let known = try sentinel.call("SENTINEL", "CKQUORUM", group)
                let replicas = try sentinel.call("SENTINEL", "REPLICAS", group)
                return known.contains("OK 3 usable") && replicas == "*2"
            }
        }
    }

    /// The node that listens there.
    func node(_ endpoint: Endpoint?) -> RedisServer? { nodes.first { $0.endpoint == endpoint } }
}
