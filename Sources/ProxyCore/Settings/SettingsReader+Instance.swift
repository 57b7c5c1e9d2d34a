internal import Yams

extension SettingsReader {
    private static let timeouts = 1_000_000...(24 * 3600 * second)

    /// `listen`: an address, a map, or a list of either.
    mutating func readListeners(_ value: Value, into listeners: inout [ListenerSettings]) {
        let elements = list(value, countMax: 64)
        guard !elements.isEmpty else {
            if case .sequence(let sequence) = value.node, !sequence.isEmpty { return }
            report(value, TextProblem("expected at least one listener, found none"))
            return
        }
        listeners = []
        for element in elements {
            guard let listener = readListener(element) else { continue }
            if let other = listeners.first(where: { $0.address.overlaps(listener.address) }) {
                report(
                    element,
                    TextProblem(
                        "`\(listener.address)` is taken by the listener `\(other.address)`"))
            }
            listeners.append(listener)
        }
    }

    private mutating func readListener(_ element: Value) -> ListenerSettings? {
        var listener = ListenerSettings()
        if case .scalar = element.node {
            guard
                let address = parse(
                    element,
                    { (text) throws(TextProblem) in
                        try ListenAddress(text)
                    })
            else { return nil }
            listener.address = address
            return listener
        }
        guard let section = section(element) else { return nil }
        read("address", of: section, into: &listener.address, ListenAddress.init)
        read("proxy_protocol", of: section, into: &listener.proxyProtocol, Parse.boolean)
        read("backlog", of: section, into: &listener.backlog, Parse.number(1...65_535))
        return listener
    }

    /// `admin`.
    mutating func readAdmin(_ value: Value, into admin: inout AdminSettings) {
        guard let section = section(value) else { return }
        read("listen", of: section, into: &admin.address, ListenAddress.init)
        read("token", of: section, into: &admin.token, Self.token)
        read("token_file", of: section, into: &admin.tokenFile, Parse.optionalLine)
        if section["token"] != nil, let file = section["token_file"] {
            report(file, TextProblem("expected either token or token_file, found both"))
        }
    }

    /// A bearer token; what is wrong with one is said without showing it.
    private static func token(_ text: String) throws(TextProblem) -> String? {
        guard text.utf8.count >= 8, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw TextProblem("expected a token of at least 8 visible ASCII characters")
        }
        return text
    }

    /// `trusted_proxies`.
    mutating func readTrustedProxies(_ value: Value, into blocks: inout [CIDR]) {
        blocks = list(value).compactMap { element in
            parse(element) { (text) throws(TextProblem) in try CIDR(text) }
        }
    }

    /// `client`.
    mutating func readClient(_ value: Value, into client: inout ClientSettings) {
        guard let section = section(value) else { return }
        let timeout = Parse.duration(Self.timeouts)
        read("head_timeout", of: section, into: &client.headTimeoutNanoseconds, timeout)
        read("idle_timeout", of: section, into: &client.idleTimeoutNanoseconds, timeout)
        read(
            "body_min_rate", of: section, into: &client.bodyRateBytesPerSecondMin,
            Parse.size(0...(1 << 30)))
        read(
            "body_grace", of: section, into: &client.bodyGraceNanoseconds,
            Parse.duration(0...(3600 * second)))
        read(
            "write_stall_timeout", of: section, into: &client.writeStallTimeoutNanoseconds, timeout)
        read(
            "head_bytes_max", of: section, into: &client.headBytesMax, Parse.bytes(1024...(1 << 20))
        )
        read("fields_max", of: section, into: &client.fieldsMax, Parse.number(1...10_000))
        read(
            "target_bytes_max", of: section, into: &client.targetBytesMax,
            Parse.bytes(64...(1 << 20)))
        read("body_bytes_max", of: section, into: &client.bodyBytesMax, Parse.sizeOrUnlimited)
        read(
            "connections_max", of: section, into: &client.connectionsMax,
            Parse.number(0...10_000_000))
        read("expect_timeout", of: section, into: &client.expectTimeoutNanoseconds, timeout)
        read("half_close_timeout", of: section, into: &client.halfCloseTimeoutNanoseconds, timeout)
        read("lingering_timeout", of: section, into: &client.lingeringTimeoutNanoseconds, timeout)
        read(
            "interim_responses_max", of: section, into: &client.interimResponsesMax,
            Parse.number(0...1000))
        if client.targetBytesMax >= client.headBytesMax {
            let place = section["target_bytes_max"] ?? section["head_bytes_max"] ?? value
            let sizes = [client.headBytesMax, client.targetBytesMax]
                .map { SizeText.format(UInt64($0)) }
            report(
                place,
                TextProblem(
                    "expected target_bytes_max below head_bytes_max (\(sizes[0])), found \(sizes[1])"
                ))
        }
    }
}
