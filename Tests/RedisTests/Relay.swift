import EventLoop
import Redis
import Support
import Time

/// A TCP relay in front of a server, on the test's loop, that can be told to behave badly.
final class Relay {
    /// What happens to bytes.
    enum Behaviour {
        case pass
        /// One byte a write.
        case fragment
        /// Later by this many nanoseconds.
        case delay(UInt64)
        /// Connections are accepted, bytes are taken and go nowhere.
        case stall
    }

    var behaviour = Behaviour.pass
    /// Connections are closed as soon as they are made.
    var refuses = false
    private(set) var connectionCount = 0
    let endpoint: Endpoint
    /// May be changed: new connections go there.
    var target: Endpoint
    private let loop: Loop
    private var listener: Listener?
    private var pairs: [Pair] = []

    init(to target: Endpoint, on loop: Loop) throws {
        self.loop = loop
        self.target = target
        let socket = try ListeningSocket(.loopback(port: 0), named: "relay", backlog: 128)
        endpoint = Endpoint(host: "127.0.0.1", port: socket.address.port)
        listener = try Listener(
            on: loop, socket: socket, accepted: { [unowned self] in accepted($0) }, refused: {})
    }

    private func accepted(_ socket: ConnectedSocket) {
        connectionCount += 1
        if refuses { return socket.discard() }
        if let pair = Pair(socket, self, on: loop) { pairs.append(pair) }
    }

    /// Ends all connections with FIN.
    func cut() { end { $0.close() } }

    /// Ends all connections with RST.
    func reset() { end { $0.reset() } }

    private func end(_ body: (Side) -> Void) {
        for pair in pairs { pair.sides.forEach(body) }
        pairs = []
    }

    func close() {
        cut()
        listener?.drainAndClose()
        listener = nil
    }

    /// A connection on both sides of the relay.
    private final class Pair {
        var sides: [Side] = []
        private var dial: Dial?

        init?(_ socket: ConnectedSocket, _ relay: Relay, on loop: Loop) {
            guard let client = try? Side(on: loop, socket: socket) else { return nil }
            client.relay = relay
            sides = [client]
            let target = relay.target
            dial = Dial(on: loop, host: target.host, port: target.port) { [unowned self] result in
                guard case .success(let socket) = result,
                    let server = try? Side(on: loop, socket: socket)
                else { return client.reset() }
                server.relay = relay
                server.other = client
                client.other = server
                sides.append(server)
                server.startReading()
                client.startReading()
            }
            dial?.start(until: Instant.now().advanced(byNanoseconds: 1_000_000_000))
        }
    }

    private final class Side: Stream {
        weak var other: Side?
        weak var relay: Relay?

        override func received(_ bytes: Span<UInt8>) {
            guard let other else { return }
            switch relay?.behaviour ?? .pass {
            case .pass: other.write(bytes)
            case .fragment:
                for index in 0..<bytes.count { other.write(bytes.extracting(index..<index + 1)) }
            case .delay(let nanoseconds):
                let copy = (0..<bytes.count).map { bytes[$0] }
                let later = Timer(on: loop) { [weak other] in other?.write(copy.span) }
                later.arm(afterNanoseconds: nanoseconds)
            case .stall: break
            }
        }

        override func endReceived() {
            other?.close()
            close()
        }

        override func failed(_ error: LoopError) {
            other?.reset()
            reset()
        }
    }
}
