internal import EventLoop
internal import Locking
internal import ProxyCore
internal import Redis
internal import Synchronization

/// What the workers of an instance have in common of the limits in Redis, which all instances share.
final class LimitStore: Sendable {
    let redis: RedisSettings
    /// Who is the master: found out by the control loop, followed by each worker.
    let feed: MasterFeed
    /// What this instance is called in Redis.
    let name: [UInt8]
    let prefix: [UInt8]
    let workerCount: Int
    private let form = Locked(SharedCommands.Form.functions)
    private let seen = Atomic<Int>(1)

    /// How long an instance counts that is not heard of.
    static let keepMicroseconds: UInt64 = 60_000_000
    /// How often an instance tells of itself: at first more often, for others start at the same time.
    static func presenceNanoseconds(told times: Int) -> UInt64 {
        times < 5 ? 1_000_000_000 : 5_000_000_000
    }

    init(_ redis: RedisSettings, feed: MasterFeed, name: UInt64, workerCount: Int) {
        self.redis = redis
        self.feed = feed
        self.name = Array(String(name, radix: 16).utf8)
        self.workerCount = workerCount
        prefix = Array(redis.keyPrefix.utf8)
    }

    /// Commands in the form that the server takes.
    var commands: LimitCommands { LimitCommands(prefix: prefix, form: form.withLock { $0 }) }

    /// Calls functions, or a script from now on.
    func use(_ form: SharedCommands.Form) { self.form.withLock { $0 = form } }

    /// Instances that count together: this one, and who was heard of within a minute.
    var instances: Int {
        get { seen.load(ordering: .relaxed) }
        set { seen.store(max(1, newValue), ordering: .relaxed) }
    }

    /// Who has leases: each worker of each instance, taken to be alike.
    var holders: Int { instances * workerCount }
}
