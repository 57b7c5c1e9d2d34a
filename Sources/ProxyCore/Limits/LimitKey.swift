internal import HTTP1

/// What requests of a rule are counted by, made ready. A key is text: its parts in order with `|` between them,
/// each in the form of `LimitText`; a part that the request does not have is empty. The admin API and the shared
/// store use the same text.
struct LimitKey: Sendable {
    private struct Part: Sendable {
        let kind: LimitKeyPart
        let name: [UInt8]
        let known: FieldName
    }

    /// Longer keys are replaced by their hash.
    static let bytesMax = 192

    private let parts: [Part]

    init(_ parts: [LimitKeyPart]) {
        self.parts = parts.map { part in
            switch part {
            case .header(let name), .token(let name):
                Part(kind: part, name: Array(name.utf8), known: VaryRule.known(Array(name.utf8)))
            case .query(let name), .constant(let name):
                Part(kind: part, name: Array(name.utf8), known: .other)
            default: Part(kind: part, name: [], known: .other)
            }
        }
    }

    /// Appends the key of the request.
    func append(
        _ facts: borrowing LimitFacts, routeNames: [[UInt8]], to out: inout [UInt8]
    ) {
        let start = out.count
        for index in parts.indices {
            if index > 0 { out.append(UInt8(ascii: "|")) }
            append(index, facts, routeNames, to: &out)
        }
        guard out.count - start > Self.bytesMax else { return }
        let (high, low) = SipHash.hash(out.span, start..<out.count)
        out.removeSubrange(start...)
        out.append(UInt8(ascii: "#"))
        LimitText.append(hex: high, to: &out)
        LimitText.append(hex: low, to: &out)
    }

    private func append(
        _ index: Int, _ facts: borrowing LimitFacts, _ routeNames: [[UInt8]],
        to out: inout [UInt8]
    ) {
        let head = facts.head
        let bytes = head.bytes
        switch parts[index].kind {
        case .client:
            if !facts.clientText.isEmpty, facts.client.isIPv4 {
                out.append(contentsOf: facts.clientText)
                return
            }
            // A customer has a /64 at least: single addresses of IPv6 would be no limit.
            let client = facts.client
            (client.isIPv4 ? client : ClientAddress(high: client.high, low: 0)).append(to: &out)
        case .route:
            guard routeNames.indices.contains(facts.route) else { return }
            out.append(contentsOf: routeNames[facts.route])
        case .path:
            LimitText.append(bytes.span, head.path.indices, isTarget: true, to: &out)
        case .host:
            appendHost(head, to: &out)
        case .method:
            LimitText.append(bytes.span, head.methodRange.indices, isTarget: false, to: &out)
        case .application:
            guard let value = facts.application else { return }
            LimitText.append(
                bytes.span, value.indices, isTarget: facts.isApplicationInQuery, to: &out)
        case .header:
            guard let value = LimitFacts.field(parts[index].known, parts[index].name, of: head)
            else { return }
            LimitText.append(bytes.span, value.indices, isTarget: false, to: &out)
        case .query:
            guard let value = LimitFacts.parameter(parts[index].name, of: head) else { return }
            LimitText.append(bytes.span, value.indices, isTarget: true, to: &out)
        case .token:
            guard let value = LimitFacts.field(parts[index].known, parts[index].name, of: head)
            else { return }
            let (high, low) = SipHash.hash(bytes.span, value.indices)
            LimitText.append(hex: high, to: &out)
            LimitText.append(hex: low, to: &out)
        case .constant:
            let name = parts[index].name
            LimitText.append(name.span, name.indices, isTarget: false, to: &out)
        }
    }

    private func appendHost(_ head: RequestHead, to out: inout [UInt8]) {
        guard let authority = head.authority else { return }
        let bytes = head.bytes
        let end = HostTable.nameEnd(bytes.span.extracting(authority.indices))
        let start = out.count
        let lower = authority.lowerBound
        LimitText.append(bytes.span, lower..<(lower + end), isTarget: false, to: &out)
        for index in start..<out.count { out[index] = out[index].lowercased }
    }
}
