internal import EventLoop
internal import Time

/// Keeps one connection to one server: dials again when it ends, one dial at a time, with growing waits.
final class Link {
    let endpoint: Endpoint
    private let loop: Loop
    private let options: ConnectionOptions
    private var backoff = Backoff()
    private var chance: any RandomNumberGenerator
    private var retry: Timer?
    private var isClosed = false
    /// Being opened, or open.
    private(set) var connection: Connection?

    /// Prepares an open connection; false: it is of no use, and is closed.
    var prepare: (Connection) async -> Bool = { _ in true }
    /// Told that the connection ended, or could not be made, unless `redial` or `close` did it.
    var failed: (ConnectionFailure) -> Void = { _ in }
    /// Told of each message, if it is a listener's.
    var received: (Message) -> Void = { _ in }

    init(
        to endpoint: Endpoint, _ options: ConnectionOptions, on loop: Loop,
        chance: any RandomNumberGenerator
    ) {
        self.endpoint = endpoint
        self.options = options
        self.loop = loop
        self.chance = chance
        retry = Timer(on: loop) { [unowned self] in dial() }
    }

    deinit { close() }

    /// Dials now, unless there is a connection.
    func dial() {
        guard !isClosed, connection == nil else { return }
        retry?.cancel()
        let connection = Connection(to: endpoint, options, on: loop)
        self.connection = connection
        connection.received = { [weak self] in self?.received($0) }
        connection.ended = { [weak self] failure, _ in
            guard let self else { return }
            self.connection = nil
            retryLater()
            failed(failure)
        }
        loop.spawn { [weak self] in
            do throws(ConnectionFailure) { try await connection.open() } catch { return }
            guard let self, await prepare(connection) else {
                return connection.abort(ConnectionFailure(.handshake, "no proper answer"))
            }
            if connection === self.connection { backoff.succeeded() }
        }
    }

    /// Closes the connection and dials again after a wait.
    func redial() {
        drop()
        retryLater()
    }

    /// Ends for good.
    func close() {
        isClosed = true
        retry?.cancel()
        drop()
    }

    private func drop() {
        let dropped = connection
        connection = nil
        dropped?.ended = { _, _ in }
        dropped?.abort(ConnectionFailure(.shutdown))
    }

    private func retryLater() {
        if isClosed { return }
        retry?.arm(afterNanoseconds: backoff.failed(chance: chance.next()))
    }
}
