import Foundation
import HTTP1
import Telemetry
import Testing
import Time

@testable import ProxyCore

/// A record, and what it was made of.
private struct Sample {
    let entry: SharedEntry
    let body: [UInt8]
    let record: [UInt8]
}

private func sample(_ random: inout Seeded, zlib: Bool = false) throws -> Sample {
    var entry = random.entry()
    let body = random.bytes(0...300)
    entry.bodyCoding = zlib ? .zlib : .identity
    entry.bodyCount = zlib ? body.count * 3 : body.count
    let record = try EntryCodec.encode(entry, body: body.span, writeID: random.next())
    return Sample(entry: entry, body: body, record: record)
}

private func fault(_ bytes: [UInt8], key: [UInt8]) -> SharedEntryFault? {
    do throws(SharedEntryFault) {
        _ = try EntryCodec.decode(bytes.span, key: key.span)
        return nil
    } catch {
        return error
    }
}

/// The record with the checksum that its bytes should have.
private func resealed(_ record: [UInt8]) -> [UInt8] {
    var record = record
    EntryLayout.seal(&record)
    return record
}

@Suite("Records of responses")
struct EntryCodecTests {
    @Test("a round trip loses nothing", arguments: 1...40 as ClosedRange<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = Seeded(seed: seed)
        for index in 0..<25 {
            let sample = try sample(&random, zlib: index % 5 == 0)
            // As Redis keeps it: with generations behind.
            let count = 4 + sample.entry.metadata.tags.count
            let kept = sample.record + random.bytes((count * 16)...(count * 16))
            for bytes in [sample.record, kept] {
                let decoded = try EntryCodec.decode(bytes.span, key: sample.entry.key.span)
                #expect(decoded.entry == sample.entry)
                #expect(Array(bytes[decoded.body]) == sample.body)
                #expect(EntryCodec.writeID(bytes.span) == decoded.writeID)
                #expect(EntryCodec.writeID(Array(bytes[..<16]).span) == decoded.writeID)
            }
        }
    }

    @Test("what the policy stores comes back as it was")
    func policy() throws {
        let request = request("GET /a", ["Accept-Encoding: gzip, br", "Cookie: a=b"])
        let (metadata, head) = try #require(
            stored(
                [
                    "Cache-Control: max-age=60, stale-if-error=5", "ETag: \"x\"",
                    "Last-Modified: Tue, 31 Dec 2024 23:00:00 GMT", "X-Note:", "Cache-Tag: a, b",
                    "Vary: Cookie, Accept-Encoding, X-None",
                ], to: request))
        var key = Array("12345678".utf8)
        let appended = CacheKey.append(request, KeyRules(), to: &key)
        let parts = try #require(appended)
        let entry = SharedEntry(
            metadata: metadata, head: head, key: key, parts: parts, route: 7, version: .http11,
            bodyCount: 5)
        let record = try EntryCodec.encode(entry, body: Array("hello".utf8).span, writeID: 1)
        let decoded = try EntryCodec.decode(record.span, key: key.span)
        #expect(decoded.entry == entry)
        #expect(decoded.entry.metadata.vary.matches(request))
        #expect(!decoded.entry.metadata.vary.matches(ProxyCoreTests.request()))
        #expect(decoded.entry.head.lines == head.lines)
        #expect(decoded.entry.head.value(of: .etag) == metadata.etag)
    }

    @Test("a record made by hand from the layout (Tests/Stack/shared_records.py) is read")
    func golden() throws {
        // response(write_id=0x0102030405060708, names=(a, p, r:5, x:6, t:7), target=b"/t")
        let hex = Self.goldenRecord
        let bytes = stride(from: 0, to: hex.count, by: 2).compactMap { index -> UInt8? in
            let start = hex.index(hex.startIndex, offsetBy: index)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16)
        }
        let key = Array("12345678h/t".utf8)
        let decoded = try EntryCodec.decode(bytes.span, key: key.span)
        #expect(decoded.writeID == 0x0102_0304_0506_0708)
        #expect(decoded.entry.route == 5)
        #expect(decoded.entry.metadata.tags == [7])
        #expect(decoded.entry.metadata.status == 200)
        #expect(decoded.entry.metadata.lifetimeSeconds == 60)
        #expect(decoded.entry.metadata.responseTime.nanoseconds == 1_000_000_000_000)
        #expect(decoded.entry.parts == KeyParts(host: 8..<9, target: 9..<11))
        #expect(Array(bytes[decoded.body]) == Array("body".utf8))
    }

    @Test("every beginning of a record is truncated, or too short to be one")
    func truncated() throws {
        var random = Seeded(seed: 11)
        let sample = try sample(&random)
        for count in 0..<sample.record.count {
            #expect(
                fault(Array(sample.record[..<count]), key: sample.entry.key) == .truncated,
                "\(count)")
        }
    }

    @Test("every flipped bit is noticed", arguments: 1...4 as ClosedRange<UInt64>)
    func flips(seed: UInt64) throws {
        var random = Seeded(seed: seed)
        let sample = try sample(&random)
        for bit in 0..<(sample.record.count * 8) {
            var record = sample.record
            record[bit / 8] ^= 1 << (bit % 8)
            let found = fault(record, key: sample.entry.key)
            let expected: Set<SharedEntryFault> =
                switch bit / 8 {
                case 0, 1: [.noRecord]
                case 2: [.unknownVersion]
                case 3: [.otherKind]
                case 16..<20: [.truncated, .malformed, .checksum]
                default: [.checksum]
                }
            #expect(found.map(expected.contains) == true, "\(bit): \(String(describing: found))")
        }
    }

    @Test("hostile lengths under a right checksum are malformed, and cost nothing")
    func hostile() throws {
        var random = Seeded(seed: 3)
        let sample = try sample(&random)
        let offsets = [
            EntryLayout.generationsAt, EntryLayout.fieldsAt, EntryLayout.varyEntriesAt,
            EntryLayout.keyBytesAt, EntryLayout.hostAt, EntryLayout.targetAt,
            EntryLayout.targetEndAt, EntryLayout.varyBytesAt, EntryLayout.headBytesAt,
            EntryLayout.bodyBytesAt, EntryLayout.bodyCountAt, EntryLayout.etagAt,
            EntryLayout.etagAt + 4, EntryLayout.lastModifiedTextAt,
        ]
        for offset in offsets {
            for value: [UInt8] in [[0xff, 0xff], [0xff, 0x7f], [0xff, 0xff, 0xff, 0xff]] {
                var record = sample.record
                record.replaceSubrange(offset..<(offset + value.count), with: value)
                let found = fault(resealed(record), key: sample.entry.key)
                #expect(found == .malformed || found == .otherKey, "\(offset)")
            }
        }
    }

    @Test("a body that would grow beyond what is possible is malformed")
    func bomb() throws {
        var random = Seeded(seed: 3)
        var entry = random.entry()
        entry.bodyCoding = .zlib
        entry.bodyCount = 10_000_000
        let record = try EntryCodec.encode(entry, body: [1, 2, 3].span, writeID: 0)
        #expect(fault(record, key: entry.key) == .malformed)
    }

    @Test("another key under the same name is no answer")
    func otherKey() throws {
        var random = Seeded(seed: 9)
        let sample = try sample(&random)
        let key = sample.entry.key
        for other in [key + [0], Array(key.dropLast()), [], [key[0] ^ 1] + key.dropFirst()] {
            #expect(fault(sample.record, key: other) == .otherKey)
        }
    }

    @Test("fields that would break a message are malformed")
    func fields() throws {
        let body: [UInt8] = []
        var random = Seeded(seed: 21)
        var entry = random.entry()
        entry.head = StoredHead()
        entry.head.appendDate(start)
        entry.metadata.etag = .empty
        entry.metadata.lastModifiedText = .empty
        entry.bodyCount = 0
        let record = try EntryCodec.encode(entry, body: body.span, writeID: 0)
        let line = record.count - entry.head.bytes.count
        for (offset, byte) in [(0, 0x20), (4, 0x3b), (5, 0x41), (9, 0x0A), (9, 0), (35, 0x41)] {
            var bad = record
            bad[line + offset] = UInt8(byte)
            #expect(fault(resealed(bad), key: entry.key) == .malformed, "\(offset)")
        }
        #expect(fault(record, key: entry.key) == nil)
    }

    @Test("what cannot be a record is not made one")
    func unfit() throws {
        var random = Seeded(seed: 2)
        let entry = random.entry()
        func problem(_ change: (inout SharedEntry) -> Void) -> EntryUnfit? {
            var entry = entry
            change(&entry)
            do throws(EntryUnfit) {
                _ = try EntryCodec.encode(entry, body: [UInt8]().span, writeID: 0)
                return nil
            } catch {
                return error
            }
        }
        #expect(problem { _ in } == nil)
        #expect(problem { $0.bodyCount = 1 } == .irregular)
        #expect(problem { $0.bodyCount = 1 << 31 } == .tooLarge)
        #expect(problem { $0.metadata.tags = [UInt64](repeating: 1, count: 65) } == .irregular)
        #expect(problem { $0.metadata.etag = ByteRange(0, 1 << 20) } == .irregular)
        #expect(problem { $0.parts = KeyParts(host: 8..<9, target: 10..<11) } == .irregular)
        #expect(problem { $0.key = [] } == .irregular)
        #expect(
            problem { $0.head = StoredHead(bytes: Array("A: b\n\n".utf8), fields: []) }
                == .irregular)
    }

    @Test("Fuzz: mutated records under right checksums never trap")
    func fuzz() throws {
        let wanted = ProcessInfo.processInfo.environment["MELIPROXY_FUZZ_INPUTS"].flatMap(Int.init)
        var random = Seeded(seed: 77)
        var accepted = 0
        for _ in 0..<(wanted.map { $0 / 50 } ?? 4_000) {
            let sample = try sample(&random)
            var record = sample.record
            for _ in 0...random.number(below: 4) {
                // The lengths and offsets at the start are what there is to get wrong.
                let at = random.number(
                    below: random.number(below: 3) == 0 ? record.count : EntryLayout.fixedBytes)
                let shift = UInt64(random.number(below: 9))
                record[at] = UInt8(truncatingIfNeeded: random.next() & 0xff >> shift)
            }
            record.replaceSubrange(0..<4, with: sample.record[0..<4])
            let bytes = random.number(below: 4) == 0 ? record : resealed(record)
            if fault(bytes, key: sample.entry.key) == nil { accepted += 1 }
        }
        #expect(accepted > 0)
    }

    @Test("Fuzz: bytes of chance behind a right beginning never trap")
    func noise() {
        var random = Seeded(seed: 78)
        for kind: EntryLayout.Kind in [.response, .vary, .unshared] {
            for _ in 0..<2_000 {
                var record = EntryLayout.begin(kind, writeID: random.next())
                record += random.bytes(0...400)
                EntryLayout.seal(&record)
                _ = fault(record, key: [])
                _ = try? VaryRecord.decode(record.span)
            }
        }
    }
}

extension EntryCodecTests {
    static let goldenRecord =
        "4d500100afd5725f0807060504030201b40000000500c8000010a5d4e8000000000000003c00"
        + "0000000000000000000000000000000000000000000000000000000000000b00000008000000"
        + "090000000b00000000000000000000000400000004000000000000000010a5d4e80000000000"
        + "0000000000006100000000000000007000000000000000007205000000000000007806000000"
        + "000000007407000000000000003132333435363738682f74626f6479"
}

@Suite("Records of variants")
struct VaryRecordTests {
    private func rule(_ fields: String, _ request: RequestHead = request()) throws -> VaryRule {
        let response = response(200, fields.isEmpty ? [] : ["Vary: \(fields)"])
        return try #require(VaryRule.read(response, request, CacheSettings()))
    }

    @Test("fields come back sorted, and with the variants that Redis lists")
    func roundTrip() throws {
        let record = try #require(VaryRecord(rule("X-B, Accept-Encoding"), known: nil, writeID: 9))
        let bytes = record.encoded()
        var decoded = try VaryRecord.decode(bytes.span)
        #expect(decoded.record == record)
        #expect(decoded.variants.isEmpty)
        #expect(decoded.record.names == [Array("accept-encoding".utf8), Array("x-b".utf8)])
        let variants = (0..<32).map { SharedKey(base: [UInt8($0)].span) }
        decoded = try VaryRecord.decode((bytes + variants.flatMap(\.bytes)).span)
        #expect(decoded.variants == variants)
        #expect(throws: SharedEntryFault.malformed) {
            try VaryRecord.decode((bytes + [0]).span)
        }
        #expect(throws: SharedEntryFault.malformed) {
            try VaryRecord.decode((bytes + [UInt8](repeating: 0, count: 33 * 16)).span)
        }
        #expect(throws: SharedEntryFault.otherKind) {
            try VaryRecord.decode(UnsharedRecord.encoded(writeID: 1).span)
        }
    }

    @Test("fields are kept once known; none, or too many, are no record")
    func union() throws {
        let known = try #require(VaryRecord(rule("A, B"), known: nil, writeID: 1))
        let same = try #require(VaryRecord(rule("B"), known: known, writeID: 2))
        #expect(same.names == known.names)
        #expect(try VaryRecord(rule(""), known: known, writeID: 2)?.names == known.names)
        let more = try #require(VaryRecord(rule("C"), known: known, writeID: 2))
        #expect(more.names.map(string) == ["a", "b", "c"])
        #expect(try VaryRecord(rule(""), known: nil, writeID: 2) == nil)
        let many = (0..<16).map { "f\($0)" }.joined(separator: ",")
        #expect(try VaryRecord(rule(many), known: nil, writeID: 2) != nil)
        #expect(try VaryRecord(rule(many), known: known, writeID: 2) == nil)
    }

    @Test("requests have one variant if and only if their fields are alike")
    func variants() throws {
        let key = Array("key".utf8)
        let record = try #require(VaryRecord(rule("Accept-Encoding, X"), known: nil, writeID: 1))
        func name(_ fields: String...) -> SharedKey {
            record.variant(request("GET /a", fields), of: key.span)
        }
        #expect(name("Accept-Encoding: gzip, br") == name("Accept-Encoding: br,gzip;q=0.5"))
        #expect(name("X: 1") == name("X: 1", "Y: 2"))
        let others = [
            name(), name("X:"), name("X: 1"), name("X: 2"), name("Accept-Encoding: gzip"),
            name("Accept-Encoding: gzip", "X: 1"),
        ]
        #expect(Set(others).count == others.count)
        // Read again, the record gives the same names.
        let again = try VaryRecord.decode(record.encoded().span).record
        #expect(again.variant(request("GET /a", ["X: 1"]), of: key.span) == name("X: 1"))
    }
}
