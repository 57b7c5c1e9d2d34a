/// Finds the client behind trusted proxies: from the peer of the connection backwards through what
/// each trusted hop says it was sent by, to the first address that is not trusted. What stands left of
/// that one anyone could have written.
///
/// Feed the lines of one field, the last line first, until `isSettled`. A hop that cannot be read ends
/// the walk: the last address that was vouched for is the client.
public struct ClientAddressWalk: Sendable {
    /// Most hops followed.
    public static let hopsMax = 32

    /// The client so far.
    public private(set) var client: ClientAddress
    /// Whether no further line can change it.
    public private(set) var isSettled: Bool
    private let trusted: [CIDR]
    private var hops = 0

    /// Starts at the connection's `peer` (or at the source that a PROXY header names).
    public init(peer: ClientAddress, trusted: [CIDR]) {
        client = peer
        self.trusted = trusted
        isSettled = !trusted.contains { $0.contains(peer) }
    }

    /// Follows one line of `X-Forwarded-For`, from its end to its start.
    public mutating func feed(forwardedFor line: Span<UInt8>) {
        var end = line.count
        while !isSettled, end >= 0 {
            var start = end
            while start > 0, line[start - 1] != UInt8(ascii: ",") { start -= 1 }
            let element = line.trimmed(start..<end)
            // RFC 9110 §5.6.1.2: empty list elements are ignored.
            if element.isEmpty { countHop() } else { step(Self.node(line, element)) }
            end = start - 1
        }
    }

    /// Follows one line of `Forwarded` (RFC 7239), from its end to its start.
    public mutating func feed(forwarded line: Span<UInt8>) {
        guard !isSettled else { return }
        var elements = ForwardedElements(line)
        while !isSettled, let element = elements.previous(line) {
            switch element {
            case .node(let range): step(Self.node(line, range))
            case .empty: countHop()
            case .malformed: isSettled = true
            }
        }
    }

    private mutating func step(_ address: ClientAddress?) {
        guard let address else {
            isSettled = true
            return
        }
        client = address
        isSettled = !trusted.contains { $0.contains(address) }
        countHop()
    }

    private mutating func countHop() {
        hops += 1
        if hops >= Self.hopsMax { isSettled = true }
    }

    /// The address in `range`: bare, `v4:port`, `[v6]` or `[v6]:port`.
    private static func node(_ line: Span<UInt8>, _ range: Range<Int>) -> ClientAddress? {
        if line[range.lowerBound] == UInt8(ascii: "[") {
            guard let close = range.first(where: { line[$0] == UInt8(ascii: "]") }),
                isPort(line, close + 1..<range.upperBound)
            else { return nil }
            let address = ClientAddress(line, range.lowerBound + 1..<close)
            return hasColon(line, range.lowerBound + 1..<close) ? address : nil
        }
        if let address = ClientAddress(line, range) { return address }
        guard let colon = range.first(where: { line[$0] == UInt8(ascii: ":") }),
            isPort(line, colon..<range.upperBound)
        else { return nil }
        return ClientAddress(line, range.lowerBound..<colon)
    }

    private static func hasColon(_ line: Span<UInt8>, _ range: Range<Int>) -> Bool {
        range.contains { line[$0] == UInt8(ascii: ":") }
    }

    /// Nothing, or `:` and one to five digits.
    private static func isPort(_ line: Span<UInt8>, _ range: Range<Int>) -> Bool {
        if range.isEmpty { return true }
        return line[range.lowerBound] == UInt8(ascii: ":") && (2...6).contains(range.count)
            && range.dropFirst().allSatisfy { line[$0].isDigit }
    }
}

extension ClientAddress {
    /// The client of a request that `peer` sent: the right-most hop that is not trusted. Lines are
    /// given in the message's order. `X-Forwarded-For` decides where there is one; `Forwarded` is
    /// read only without it, so that a hop cannot be contradicted by the field its proxy ignores.
    public static func resolve(
        peer: ClientAddress, forwardedFor: [[UInt8]], forwarded: [[UInt8]] = [], trusted: [CIDR]
    ) -> ClientAddress {
        var walk = ClientAddressWalk(peer: peer, trusted: trusted)
        for line in forwardedFor.reversed() { walk.feed(forwardedFor: line.span) }
        if forwardedFor.isEmpty {
            for line in forwarded.reversed() { walk.feed(forwarded: line.span) }
        }
        return walk.client
    }
}
