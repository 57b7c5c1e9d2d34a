import ProxyCore
import Redis

/// What replication carries over. Beside the data, what the invariants have to know about its past.
struct Store {
    var values: [Int: Value] = [:]
    var leases: [Int: (token: UInt64, expires: UInt64)] = [:]
    /// Who was granted the lease last, and neither filled nor lost it to a purge.
    var holder: [Int: UInt64] = [:]
    var purgedAt: [Int: UInt64] = [:]
    /// Heartbeats' keys, and when they expire.
    var beats: [[UInt8]: UInt64] = [:]
    var offset: Int64 = 0
}

/// A write, as it is replicated.
enum Operation {
    case grant(key: Int, token: UInt64, expires: UInt64)
    case fill(key: Int, Value)
    case release(key: Int)
    case purge(key: Int, at: UInt64)
    case beat([UInt8], expires: UInt64)
    case flush
}

/// A Redis server: data, asynchronous replication, invalidations by broadcast, leases.
final class RedisNode: Process {
    enum Role: Equatable {
        case master
        case replica(of: Int)
    }

    let number: Int
    let endpoint: Endpoint
    private(set) var role: Role
    private(set) var runID: RunID
    private(set) var store = Store()
    /// This run became master by being promoted.
    private(set) var isPromoted = false
    /// When a key changed here, in whatever way.
    private(set) var changedAt: [Int: UInt64] = [:]
    private var listeners: [Connection] = []
    private var followers: [Connection] = []
    private var upstream: Connection?
    private var isSynchronised = false
    private var roleNumber = 0
    var peers: () -> [RedisNode] = { [] }
    unowned let judge: Judge
    var replicationLag = 20

    init(_ number: Int, role: Role, network: Network, judge: Judge) {
        self.number = number
        self.role = role
        self.judge = judge
        endpoint = Endpoint(host: "redis-\(number)", port: 6379)
        runID = RunID.numbered(network.world.chance())
        super.init(host: number, network: network)
    }

    /// Whether it is a replica of that one which has all but the latest writes.
    func isFollowing(_ master: RedisNode) -> Bool {
        role == .replica(of: master.number) && isSynchronised && responds
    }

    func begin() { if case .replica = role { follow() } }

    // MARK: Role

    /// Comes back with another identity and no data. `asMaster` is the container that rewrites its
    /// configuration at every start.
    func restart(asMaster: Bool) {
        guard !isAlive else { return }
        runID = RunID.numbered(world.chance())
        store = Store()
        for key in keys { changedAt[key] = world.time }
        listeners = []
        followers = []
        upstream = nil
        isSynchronised = false
        isPromoted = false
        roleNumber += 1
        if asMaster { role = .master }
        revive()
        world.note("redis-\(number) restarts as \(role)")
        begin()
    }

    /// What Sentinel sends: SLAVEOF, and all clients' connections cut.
    func slaveOf(_ master: Int?) {
        let before = role
        role = master.map { .replica(of: $0) } ?? .master
        guard role != before else { return }
        roleNumber += 1
        if role == .master { isPromoted = true }
        world.note("redis-\(number) becomes \(role)")
        if let upstream { network.close(upstream, by: self) }
        upstream = nil
        isSynchronised = false
        for connection in connections where !followers.contains(where: { $0 === connection }) {
            network.close(connection, by: self)
        }
        listeners = []
        if master != nil { follow() }
    }

    /// FAILOVER TO: the other one takes over what is here, nobody's connection is cut.
    func handOver(to other: RedisNode) {
        other.adopt(store)
        other.role = .master
        other.isPromoted = true
        other.roleNumber += 1
        if let link = other.upstream { network.close(link, by: other) }
        other.upstream = nil
        role = .replica(of: other.number)
        roleNumber += 1
        isSynchronised = false
        world.note("redis-\(number) hands over to redis-\(other.number)")
        follow()
    }

    private func follow() {
        guard case .replica(let number) = role, upstream == nil, isAlive else { return }
        let attempt = roleNumber
        let again: () -> Void = { [self] in
            later(ms(world.between(100, 400))) { [self] in
                if attempt == roleNumber { follow() }
            }
        }
        guard let master = peers().first(where: { $0.number == number }) else { return }
        network.dial(self, master) { [self] connection in
            guard let connection else { return again() }
            guard attempt == roleNumber, upstream == nil else {
                return network.close(connection, by: self)
            }
            upstream = connection
            network.send(.psync, connection, from: self)
        }
    }

    private var answer: NodeRole {
        switch role {
        case .master: .master
        case .replica(let number):
            .replica(
                of: Endpoint(host: "redis-\(number)", port: 6379),
                link: isSynchronised ? .connected : .connect, offset: store.offset)
        }
    }

    // MARK: Connections

    override func closed(_ connection: Connection) {
        listeners.removeAll { $0 === connection }
        followers.removeAll { $0 === connection }
        guard connection === upstream else { return }
        upstream = nil
        isSynchronised = false
        let attempt = roleNumber
        later(ms(world.between(100, 400))) { [self] in
            if attempt == roleNumber { follow() }
        }
    }

    override func receive(_ message: Message, on connection: Connection, sentAt: UInt64) {
        switch message {
        case .info: reply(.run(runID), connection)
        case .role: reply(.roleIs(answer), connection)
        case .listen:
            listeners.append(connection)
            reply(.listening, connection)
        case .psync:
            followers.append(connection)
            network.send(.snapshot(store), connection, from: self, extra: ms(world.between(5, 150)))
        case .snapshot(let snapshot):
            guard connection === upstream else { return }
            isSynchronised = true
            adopt(snapshot)
            for follower in followers { network.send(.snapshot(store), follower, from: self) }
        case .operation(let operation):
            if connection === upstream { apply(operation) }
        default: request(message, connection, sentAt)
        }
    }

    private func reply(_ message: Message, _ connection: Connection) {
        network.send(message, connection, from: self)
    }

    private func request(_ message: Message, _ connection: Connection, _ sentAt: UInt64) {
        let number: Int
        switch message {
        case .getOrLease(let id, _, _, _), .fill(let id, _, _, _, _), .purge(let id, _),
            .renew(let id, _, _, _), .release(let id, _, _):
            number = id
        case .heartbeat: number = -1
        default: return
        }
        guard role == .master else { return reply(.refused(number, .readOnly), connection) }
        switch message {
        case .getOrLease(_, let key, let token, let duration):
            lease(number, key, token, duration, connection)
        case .fill(_, let key, let token, let value, let isChecked):
            // Unchecked it is a plain SET, which no client is meant to send.
            guard !isChecked || holds(key, token) else {
                return reply(.filled(number, isAccepted: false), connection)
            }
            judge.write(by: connection, to: self, sentAt: sentAt)
            judge.filled(self, value, token: token)
            apply(.fill(key: key, value))
            reply(.filled(number, isAccepted: true), connection)
        case .renew(_, let key, let token, let duration):
            let isHeld = holds(key, token)
            if isHeld { apply(.grant(key: key, token: token, expires: world.time + duration)) }
            reply(.renewed(number, isHeld: isHeld), connection)
        case .release(_, let key, let token):
            if holds(key, token) { apply(.release(key: key)) }
            reply(.released(number), connection)
        case .purge(_, let key):
            judge.write(by: connection, to: self, sentAt: sentAt)
            apply(.purge(key: key, at: world.time))
            reply(.purged(number, at: world.time), connection)
        case .heartbeat(let key):
            judge.write(by: connection, to: self, sentAt: sentAt)
            apply(.beat(key, expires: world.time + ms(5_000)))
        default: break
        }
    }

    private func holds(_ key: Int, _ token: UInt64) -> Bool {
        guard let lease = store.leases[key] else { return false }
        return lease.token == token && lease.expires > world.time
    }

    private func lease(
        _ number: Int, _ key: Int, _ token: UInt64, _ duration: UInt64, _ connection: Connection
    ) {
        if var value = store.values[key] {
            value.readAt = world.time
            value.readIn = runID
            return reply(.lease(number, .object, value), connection)
        }
        if let lease = store.leases[key], lease.token != token, lease.expires > world.time {
            let remaining = lease.expires - world.time
            return reply(.lease(number, .held(remainingNanoseconds: remaining), nil), connection)
        }
        apply(.grant(key: key, token: token, expires: world.time + duration))
        reply(.lease(number, .granted, nil), connection)
    }

    // MARK: Data

    private func adopt(_ other: Store) {
        store = other
        for key in keys { changedAt[key] = world.time }
        invalidate(nil)
    }

    func flushAll() { if role == .master { apply(.flush) } }

    private func apply(_ operation: Operation) {
        store.offset += 1
        switch operation {
        case .grant(let key, let token, let expires):
            store.leases[key] = (token, expires)
            store.holder[key] = token
        case .fill(let key, let value):
            store.values[key] = value
            store.leases[key] = nil
            store.holder[key] = nil
            changed(key)
        case .release(let key):
            store.leases[key] = nil
            store.holder[key] = nil
            // Nothing changed, and who waits is told.
            invalidate([keyBytes[key]])
        case .purge(let key, let at):
            store.purgedAt[key] = at
            store.leases[key] = nil
            store.holder[key] = nil
            // DEL of a missing key is not told.
            if store.values.removeValue(forKey: key) != nil { changed(key) }
        case .beat(let key, let expires):
            store.beats[key] = expires
            invalidate([key])
            expireLater(key, expires)
        case .flush:
            store.values = [:]
            store.leases = [:]
            store.holder = [:]
            store.beats = [:]
            for key in keys { changedAt[key] = world.time }
            invalidate(nil)
        }
        for follower in followers {
            let lag = ms(world.chance(replicationLag))
            network.send(.operation(operation), follower, from: self, extra: lag)
        }
    }

    private func changed(_ key: Int) {
        changedAt[key] = world.time
        invalidate([keyBytes[key]])
    }

    private func expireLater(_ key: [UInt8], _ expires: UInt64) {
        later(expires - min(world.time, expires)) { [self] in
            guard store.beats[key] == expires else { return }
            store.beats[key] = nil
            invalidate([key])
        }
    }

    private func invalidate(_ keys: [[UInt8]]?) {
        for listener in listeners { reply(.invalidated(keys), listener) }
    }
}

/// The cache's keys, by number.
let keys = Array(0..<4)
let keyBytes = keys.map { Array("r:\($0)".utf8) }

extension RunID {
    /// An identity made of a number.
    static func numbered(_ number: UInt64) -> RunID {
        var digits = String(number, radix: 16)
        digits = String(repeating: "0", count: 40 - digits.count) + digits
        guard let id = RunID(Array(digits.utf8)) else { preconditionFailure("hexadecimal") }
        return id
    }
}
