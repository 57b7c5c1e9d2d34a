internal import EventLoop
internal import Time

extension Connection {
    /// Introduces itself, step by step, so that the first refusal is the one that is reported. Ends the
    /// connection when the server says no.
    func handshake(until deadline: Instant) async {
        for step in Greeting.steps(options) where failure == nil {
            let result = await send(step.command(options), by: deadline)
            guard failure == nil, case .success(let reply) = result else { continue }
            if case .error(let error) = reply {
                if let failure = step.failure(error) { abort(failure) }
            } else if step == .clientInfo, let wanted = options.mustReach {
                let isThere = await isServer(wanted, named: reply.text ?? "")
                if !isThere { abort(ConnectionFailure(.wrongServer, "not \(wanted)")) }
            }
        }
    }

    /// Whether the `laddr` of `CLIENT INFO` is an address of `wanted`.
    private func isServer(_ wanted: Endpoint, named info: String) async -> Bool {
        guard let local = ClientInfo.localAddress(info),
            let address = SocketAddress(numeric: local.host, port: local.port)
        else { return false }
        let addresses = (try? await loop.resolve(wanted.host, port: wanted.port)) ?? []
        return addresses.contains(address)
    }
}

extension ConnectionFailure {
    /// Why there is no socket.
    init(dialing error: LoopError) {
        let reason: Reason =
            error.isTimeout ? .connectTimeout : error.isLookup ? .lookup : .connect
        self.init(reason, error.description)
    }
}
