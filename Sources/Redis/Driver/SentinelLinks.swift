internal import EventLoop
internal import Time

/// The two connections to one Sentinel: what is asked has answers in order, what is published comes at
/// any time.
final class SentinelLinks {
    let questions: Link
    private let subscription: Link
    private let heartbeatNanoseconds: UInt64
    private var heartbeat: Timer?

    init(_ questions: Link, _ subscription: Link, _ heartbeatNanoseconds: UInt64, on loop: Loop) {
        self.questions = questions
        self.subscription = subscription
        self.heartbeatNanoseconds = heartbeatNanoseconds
        heartbeat = Timer(on: loop) { [unowned self] in beat() }
        subscription.prepare = { connection in
            // Together: they leave in one write, and the last reply comes last.
            let end = Instant.now().advanced(byNanoseconds: heartbeatNanoseconds)
            for channel in SentinelMessage.channels.dropLast() {
                connection.post(Command("SUBSCRIBE", [channel]), by: end)
            }
            guard let last = SentinelMessage.channels.last else { return false }
            let reply = try? await connection.subscribe(last, by: end).get()
            return reply?.elements?.first?.text == "subscribe"
        }
    }

    func start() {
        questions.dial()
        subscription.dial()
        heartbeat?.arm(afterNanoseconds: heartbeatNanoseconds)
    }

    func close() {
        heartbeat?.cancel()
        questions.close()
        subscription.close()
    }

    /// A Sentinel whose machine is gone sends nothing, not even an end: a `PING` without a reply shows it.
    private func beat() {
        heartbeat?.arm(afterNanoseconds: heartbeatNanoseconds)
        guard let connection = subscription.connection, connection.isOpen else { return }
        connection.post(
            Command("PING"), by: Instant.now().advanced(byNanoseconds: heartbeatNanoseconds))
    }
}
