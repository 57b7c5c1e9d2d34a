extension TopologyValue {
    /// What a reply says, in the words of the resolver.
    init(_ reply: Reply) {
        self =
            switch reply {
            case .status(let text): .text(Array(text.utf8))
            case .bulk(let bytes): .text(bytes)
            case .integer(let number): .number(number)
            case .null: .null
            case .error(let error): .error(Array(error.description.utf8))
            case .array(let elements): .list(elements.map { TopologyValue($0) })
            }
    }
}

extension MasterSnapshot {
    /// A publication as clients need it.
    init(_ publication: Publication, via: Endpoint?) {
        switch publication.target {
        case .master(let endpoint, _):
            self.init(generation: publication.generation, master: endpoint, via: via)
        case .none(let emergency):
            self.init(
                generation: publication.generation, master: nil, via: via, emergencyRead: emergency)
        }
    }
}

extension DataHint {
    /// What the end of a data connection makes one doubt; nil if nothing.
    init?(_ failure: ConnectionFailure) {
        switch failure.reason {
        case .readOnly: self = .readOnly
        case .notReady: self = .loading
        case .timeout, .connectTimeout: self = .timeout
        case .lookup, .connect, .peerClosed, .network, .protocolError, .wrongServer, .handshake:
            self = .disconnected
        case .authentication, .masterChanged, .shutdown: return nil
        }
    }
}
