import HTTP1
import Time

@testable import ProxyCore

/// Entries as the memory cache could hold them, from chance.
extension Seeded {
    mutating func number(below bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func bytes(_ range: ClosedRange<Int>, of letters: String? = nil) -> [UInt8] {
        let count = range.lowerBound + number(below: range.count)
        let letters = letters.map { Array($0.utf8) }
        return (0..<count).map { _ in
            guard let letters else { return UInt8(truncatingIfNeeded: next()) }
            return letters[number(below: letters.count)]
        }
    }

    /// A response to a request, as a policy would have read both.
    mutating func entry() -> SharedEntry {
        let head = storedHead()
        let host = bytes(0...20, of: "abc.-")
        let target = [UInt8(ascii: "/")] + bytes(0...60, of: "abc/?=&%")
        let key = bytes(8...8) + host + target + (number(below: 3) == 0 ? bytes(0...40) : [])
        let metadata = metadata(head)
        return SharedEntry(
            metadata: metadata, head: head, key: key,
            parts: KeyParts(
                host: 8..<(8 + host.count),
                target: (8 + host.count)..<(8 + host.count + target.count)),
            route: next(), version: number(below: 2) == 0 ? .http10 : .http11, bodyCount: 0)
    }

    private mutating func storedHead() -> StoredHead {
        let names = ["ETag", "Content-Type", "x-odd", "Cache-Control", "Vary", "X-Request-ID"]
        let lines = (0..<number(below: 12)).map { _ in
            names[number(below: names.count)] + ": " + string(bytes(0...30, of: "abc\"=,; 0123"))
        }
        let response = response(200, lines)
        var head = StoredHead()
        let source = response.bytes
        for field in response.fields { head.append(field, of: source.span) }
        head.appendDate(Timestamp(seconds: Int64(number(below: 2_000_000_000))))
        return head
    }

    private mutating func metadata(_ head: StoredHead) -> StoredMetadata {
        let modified = number(below: 2) == 0
        let date = head.value(of: .date) ?? .empty
        return StoredMetadata(
            status: UInt16(200 + number(below: 400)),
            date: Timestamp(nanoseconds: Int64(bitPattern: next())),
            responseTime: Timestamp(nanoseconds: Int64(bitPattern: next())),
            initialAgeSeconds: UInt32(truncatingIfNeeded: next()),
            lifetimeSeconds: UInt32(truncatingIfNeeded: next()),
            staleWhileRevalidateSeconds: UInt32(truncatingIfNeeded: next()),
            staleIfErrorSeconds: UInt32(truncatingIfNeeded: next()),
            flags: StoredMetadata.Flags(rawValue: UInt8(truncatingIfNeeded: next())),
            etag: head.value(of: .etag) ?? .empty,
            lastModified: modified ? Timestamp(nanoseconds: Int64(bitPattern: next())) : nil,
            lastModifiedText: modified ? date : .empty, vary: varyRule(),
            tags: (0..<number(below: 65)).map { _ in next() })
    }

    private mutating func varyRule() -> VaryRule {
        var bytes: [UInt8] = []
        var entries: [VaryRule.Entry] = []
        for index in 0..<number(below: VaryRule.fieldsMax) {
            let names = ["accept-encoding", "cookie", "x-\(index)"]
            let name = Array(names[number(below: names.count)].utf8)
            let start = bytes.count
            bytes += name
            let end = bytes.count
            bytes += self.bytes(0...9)
            let values: [VaryRule.Value] = [
                .absent, .text(ByteRange(end, bytes.count)),
                .codings(AcceptedCodings(rawValue: UInt8(truncatingIfNeeded: next()))),
            ]
            entries.append(
                VaryRule.Entry(
                    known: FieldName(name.span), name: ByteRange(start, end),
                    value: values[number(below: values.count)]))
        }
        return VaryRule(bytes: bytes, entries: entries)
    }
}
