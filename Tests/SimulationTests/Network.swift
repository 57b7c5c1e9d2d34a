import ProxyCore
import Redis

/// What connections carry. Numbers that begin requests name them in the answers.
enum Message {
    // To a Redis server.
    case info, role, psync
    case listen
    case getOrLease(Int, key: Int, token: UInt64, duration: UInt64)
    case fill(Int, key: Int, token: UInt64, Value, isChecked: Bool)
    case renew(Int, key: Int, token: UInt64, duration: UInt64)
    case release(Int, key: Int, token: UInt64)
    case purge(Int, key: Int)
    case heartbeat([UInt8])
    // From a Redis server.
    case run(RunID)
    case roleIs(NodeRole)
    case listening
    case lease(Int, LeaseAnswer, Value?)
    case filled(Int, isAccepted: Bool)
    case renewed(Int, isHeld: Bool)
    case released(Int)
    case purged(Int, at: UInt64)
    case refused(Int, DataHint)
    case invalidated([[UInt8]]?)
    case snapshot(Store)
    case operation(Operation)
    // To and from a Sentinel.
    case myID, poll
    case idIs(RunID)
    case named(NamedMaster)
    case replicas([Endpoint])
    case sentinels([SentinelPeer])
    case published(channel: String, payload: String)
    /// The other side closed.
    case end
}

/// What the origin sent, once.
struct Value: Equatable {
    let key: Int
    let number: Int
    let fetchedFrom: UInt64
    /// When a Redis server read it for the answer that it came with, and in which run.
    var readAt: UInt64 = 0
    var readIn: RunID?
}

/// A program on a host of its own. Stopped ones (SIGSTOP) keep connections and what arrives.
class Process {
    let host: Int
    let network: Network
    var world: World { network.world }
    private(set) var isAlive = true
    private(set) var isStopped = false
    /// What happens when it goes on.
    fileprivate var inbox: [() -> Void] = []
    fileprivate(set) var connections: [Connection] = []
    /// Rises when it dies: what was planned by an earlier life does not happen.
    private(set) var life = 0

    init(host: Int, network: Network) {
        self.host = host
        self.network = network
    }

    var responds: Bool { isAlive && !isStopped }

    func receive(_ message: Message, on connection: Connection, sentAt: UInt64) {}
    func closed(_ connection: Connection) {}

    /// `body` after that time, if it still lives, and not while it is stopped.
    func later(_ nanoseconds: UInt64, _ body: @escaping () -> Void) {
        let life = life
        world.after(nanoseconds) { [self] in
            guard life == self.life, isAlive else { return }
            if isStopped { inbox.append(body) } else { body() }
        }
    }

    func stop() { isStopped = true }

    func goOn() {
        guard isStopped else { return }
        isStopped = false
        let waiting = inbox
        inbox = []
        for body in waiting { body() }
    }

    func die() {
        isAlive = false
        isStopped = false
        life += 1
        inbox = []
        for connection in connections { network.close(connection, by: self) }
        connections = []
    }

    func revive() { isAlive = true }

    /// Nothing happens to it any more.
    func end() { inbox = [] }

    fileprivate func forget(_ connection: Connection) {
        connections.removeAll { $0 === connection }
    }
}

/// A TCP connection: what is sent arrives in order, late, or never.
///
/// Both ends outlive it, for the simulation has them until it ends.
final class Connection {
    unowned let client: Process
    unowned let server: Process
    /// Of the publication that it was made for; data connections only.
    var generation: UInt64 = 0
    /// Of the listener; listeners only.
    var attempt: UInt64 = 0
    /// Nothing that the server sends arrives any more, and nobody is told: a half-open connection.
    var isMute = false
    fileprivate var isOpen = (client: true, server: true)
    fileprivate var last = (client: UInt64(0), server: UInt64(0))
    fileprivate var held: [(message: Message, toServer: Bool, sentAt: UInt64)] = []

    init(_ client: Process, _ server: Process) {
        self.client = client
        self.server = server
    }

    func isOpen(for process: Process) -> Bool {
        process === client ? isOpen.client : isOpen.server
    }
}

/// Links between hosts: slow, cut or fine.
final class Network {
    let world: World
    private var cut: Set<Int> = []
    private var isSlow: Set<Int> = []
    private var holding: [Connection] = []
    private let jitterNanoseconds: Int

    init(world: World) {
        self.world = world
        jitterNanoseconds = [900_000, 900_000, 20_000_000][world.chance(3)]
    }

    private func link(_ a: Int, _ b: Int) -> Int { min(a, b) * 1_000 + max(a, b) }

    func isCut(_ a: Int, _ b: Int) -> Bool { cut.contains(link(a, b)) }

    /// Whether a question asked now would be answered at once.
    func reaches(_ from: Process, _ to: Process) -> Bool {
        to.responds && !isCut(from.host, to.host)
    }

    func setCut(_ a: Int, _ b: Int, _ value: Bool) {
        if value {
            cut.insert(link(a, b))
            return
        }
        cut.remove(link(a, b))
        for connection in holding where !isCut(connection.client.host, connection.server.host) {
            let held = connection.held
            connection.held = []
            for item in held { arrive(item.message, connection, item.toServer, item.sentAt) }
        }
        holding.removeAll { $0.held.isEmpty }
    }

    func setSlow(_ a: Int, _ b: Int, _ value: Bool) {
        if value { isSlow.insert(link(a, b)) } else { isSlow.remove(link(a, b)) }
    }

    private func delay(_ a: Int, _ b: Int) -> UInt64 {
        let base = UInt64(100_000 + world.chance(jitterNanoseconds))
        return isSlow.contains(link(a, b)) ? base + ms(world.between(20, 250)) : base
    }

    /// Dials; `done` gets nil if refused or not answered within 200 ms.
    func dial(_ client: Process, _ server: Process, _ done: @escaping (Connection?) -> Void) {
        if isCut(client.host, server.host) {
            client.later(ms(200)) { done(nil) }
            return
        }
        client.later(delay(client.host, server.host) * 2) { [self] in
            guard server.isAlive, !isCut(client.host, server.host) else { return done(nil) }
            let connection = Connection(client, server)
            client.connections.append(connection)
            server.connections.append(connection)
            done(connection)
        }
    }

    func send(
        _ message: Message, _ connection: Connection, from sender: Process, extra: UInt64 = 0
    ) {
        guard connection.isOpen(for: sender) else { return }
        transmit(message, connection, toServer: sender === connection.client, extra)
    }

    private func transmit(
        _ message: Message, _ connection: Connection, toServer: Bool, _ extra: UInt64
    ) {
        let sentAt = world.time
        let wish = sentAt + delay(connection.client.host, connection.server.host) + extra
        let at: UInt64
        if toServer {
            at = max(connection.last.server + 1, wish)
            connection.last.server = at
        } else {
            at = max(connection.last.client + 1, wish)
            connection.last.client = at
        }
        world.at(at) { [self] in arrive(message, connection, toServer, sentAt) }
    }

    func close(_ connection: Connection, by process: Process) {
        guard connection.isOpen(for: process) else { return }
        let isClient = process === connection.client
        if isClient { connection.isOpen.client = false } else { connection.isOpen.server = false }
        process.forget(connection)
        transmit(.end, connection, toServer: isClient, 0)
    }

    private func arrive(
        _ message: Message, _ connection: Connection, _ toServer: Bool, _ sentAt: UInt64
    ) {
        let target = toServer ? connection.server : connection.client
        guard connection.isOpen(for: target), toServer || !connection.isMute else { return }
        let isHeld = connection.held.contains { $0.toServer == toServer }
        if isHeld || isCut(connection.client.host, connection.server.host) {
            if connection.held.isEmpty { holding.append(connection) }
            connection.held.append((message, toServer, sentAt))
            return
        }
        if target.isStopped {
            target.inbox.append { [self] in deliver(message, connection, target, sentAt) }
        } else {
            deliver(message, connection, target, sentAt)
        }
    }

    private func deliver(
        _ message: Message, _ connection: Connection, _ target: Process, _ sentAt: UInt64
    ) {
        guard target.isAlive, connection.isOpen(for: target) else { return }
        if case .end = message {
            if target === connection.client {
                connection.isOpen.client = false
            } else {
                connection.isOpen.server = false
            }
            target.forget(connection)
            target.closed(connection)
        } else {
            target.receive(message, on: connection, sentAt: sentAt)
        }
    }
}
