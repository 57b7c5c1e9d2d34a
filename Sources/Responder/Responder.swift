public import EventLoop

/// A small HTTP/1.1 server for answers made in memory: the admin listener and the demo API. Strict about
/// what it reads, bounded in all it keeps; not meant for load.
public final class Responder {
    let loop: Loop
    let handler: (Inquiry) async -> Reply
    let patienceNanoseconds: UInt64
    private let connectionsMax: Int
    private var connections: [ObjectIdentifier: ResponderConnection] = [:]
    private var listener: Listener?

    /// Answers on `socket` with what `handler` says; more than `connectionsMax` connections at once are
    /// turned away, and one is closed when a step of an exchange takes longer than
    /// `patienceNanoseconds`: a whole request, the handler, the client's reading of the answer.
    public init(
        on loop: Loop, _ socket: ListeningSocket, connectionsMax: Int = 256,
        patienceNanoseconds: UInt64 = 30_000_000_000,
        handler: @escaping (Inquiry) async -> Reply
    ) throws(LoopError) {
        self.loop = loop
        self.handler = handler
        self.connectionsMax = connectionsMax
        self.patienceNanoseconds = patienceNanoseconds
        listener = try Listener(
            on: loop, socket: socket,
            accepted: { [unowned self] socket in accept(socket) }, refused: {})
    }

    private func accept(_ socket: ConnectedSocket) {
        guard connections.count < connectionsMax else { return socket.discard() }
        guard let connection = try? ResponderConnection(self, socket) else { return }
        connections[ObjectIdentifier(connection)] = connection
        connection.startReading()
    }

    /// Stops accepting and closes all connections. On the loop's thread, which has to do it before the
    /// responder may go.
    public func close() {
        listener?.drainAndClose()
        for connection in connections.values { connection.close() }
    }

    func connectionClosed(_ connection: ResponderConnection) {
        connections.removeValue(forKey: ObjectIdentifier(connection))
    }
}
