/// What a connection begins with, a step a command.
enum Greeting: String {
    /// Says who we are.
    case authenticate = "AUTH"
    /// Chooses the logical database.
    case select = "SELECT"
    /// Gives the connection a name, for people who look at the server.
    case name = "CLIENT SETNAME"
    /// Asks where the connection arrived.
    case clientInfo = "CLIENT INFO"
    /// Asks whether the server serves: a connection is open when it has answered.
    case ping = "PING"

    /// The steps that `options` ask for, in order.
    static func steps(_ options: ConnectionOptions) -> [Greeting] {
        var steps: [Greeting] = []
        if options.credentials != nil { steps.append(.authenticate) }
        if options.database != 0 { steps.append(.select) }
        if options.name != nil { steps.append(.name) }
        if options.mustReach != nil { steps.append(.clientInfo) }
        steps.append(.ping)
        return steps
    }

    func command(_ options: ConnectionOptions) -> Command {
        switch self {
        case .authenticate:
            // With one argument: the default user, also on servers before 6.0.
            let user = options.credentials?.user.map { [$0] } ?? []
            return Command("AUTH", user + [options.credentials?.password ?? ""])
        case .select: return Command("SELECT", [String(options.database)])
        case .name: return Command("CLIENT", ["SETNAME", options.name ?? ""])
        case .clientInfo: return Command("CLIENT", ["INFO"])
        case .ping: return Command("PING")
        }
    }

    /// What an error reply to this step means; nil if it does not matter.
    func failure(_ error: ServerError) -> ConnectionFailure? {
        switch (self, error.kind) {
        case (.authenticate, _), (_, .noAuthentication), (_, .wrongPassword):
            ConnectionFailure(.authentication, error.description)
        case (_, .loading), (_, .masterDown), (_, .noReplicas):
            ConnectionFailure(.notReady, error.description)
        // A name is a courtesy, and a user who may not ping was answered all the same.
        case (.name, _), (.ping, .noPermission): nil
        case (.select, _), (.clientInfo, _), (.ping, _):
            ConnectionFailure(.handshake, "\(rawValue): \(error.description)")
        }
    }
}

/// What `CLIENT INFO` says about the connection it came on.
enum ClientInfo {
    /// The server's end of the connection, from `laddr=127.0.0.1:6379`; nil if it is not there.
    static func localAddress(_ info: String) -> Endpoint? {
        let mark = "laddr="
        guard
            let field = info.split(whereSeparator: \.isWhitespace).first(where: {
                $0.hasPrefix(mark)
            })
        else { return nil }
        return Endpoint(hostAndPort: field.dropFirst(mark.count))
    }
}

extension Endpoint {
    /// From `host:port`, the host of an IPv6 address in brackets; nil for anything else.
    init?(hostAndPort text: Substring) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        if host.isEmpty { return nil }
        self.init(host: String(host), port: port)
    }
}
