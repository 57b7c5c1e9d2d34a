import HTTP1
import Testing
import Time

@testable import ProxyCore

/// A command as text, arguments between blanks; bytes beyond ASCII as `\xNN`.
private func text(_ command: [[UInt8]]) -> String {
    command.map { argument in
        argument.isEmpty
            ? "''"
            : argument.map { byte in
                let hex = String(byte, radix: 16)
                return byte > 0x20 && byte < 0x7f
                    ? String(UnicodeScalar(byte)) : "\\x" + (hex.count < 2 ? "0" : "") + hex
            }.joined()
    }.joined(separator: " ")
}

@Suite("Names in Redis")
struct SharedNamesTests {
    private let key = SharedKey(high: 0x0123_4567_89ab_cdef, low: 0xff)
    private let hex = "0123456789abcdef00000000000000ff"

    @Test("keys, with and without a prefix", arguments: ["", "meli:"])
    func keys(prefix: String) {
        let names = SharedNames(prefix: Array(prefix.utf8))
        #expect(string(names.object(key)) == "\(prefix)r:1:\(hex)")
        #expect(string(names.lease(key)) == "\(prefix)l:\(hex)")
        #expect(string(names.generation(.all)) == "\(prefix)g:a:0000000000000000")
        #expect(string(names.generation(.prefix)) == "\(prefix)g:p:0000000000000000")
        #expect(string(names.generation(.route(0xabc))) == "\(prefix)g:r:0000000000000abc")
        #expect(string(names.generation(.tag(.max))) == "\(prefix)g:t:ffffffffffffffff")
        #expect(
            string(names.generation(.bucket(target: 0x1_2345))) == "\(prefix)g:x:0000000000000345")
        #expect(names.tracked.map(string) == ["r:", "g:", "h:"].map { prefix + $0 })
        #expect(names.meaning(of: names.object(key).span) == .object(key))
        let beat = Heartbeat(attempt: 7, number: 9).key(instance: Array("a".utf8))
        #expect(string(beat) == "h:a:7:1")
        #expect(names.meaning(of: (names.prefix + beat).span) == .heartbeat(beat))
        for nothing in [names.lease(key), names.generation(.all), names.generation(.tag(3))] {
            #expect(names.meaning(of: nothing.span) == .nothing)
        }
    }

    static let purges: [Purge] = [
        .all, .route(0xa), .tag(.max), .target(0), .prefix(Array("/".utf8), host: nil),
        .prefix(Array("/a/b*\n".utf8), host: Array("h.example:81".utf8)),
        .prefix(Array("/a".utf8), host: []),
    ]

    @Test("what listeners are told of a purge is that purge", arguments: purges)
    func notices(purge: Purge) {
        let names = SharedNames(prefix: [0x78])
        for (letter, mode) in [("h", PurgeMode.hard), ("s", .soft)] {
            let key = Array("xg:!\(letter):".utf8) + SharedNames.notice(purge)
            #expect(names.meaning(of: key.span) == .purge(purge, mode))
        }
    }

    @Test(
        "keys of others, and of later versions, mean nothing",
        arguments: [
            "", "r", "r:", "r:1:", "r:2:0123456789abcdef00000000000000ff", "g:", "g:!", "g:!h",
            "r:1:0123456789ABCDEF00000000000000ff", "r:1:0123456789abcdef00000000000000f",
            "r:1:0123456789abcdef00000000000000ff0", "g:!h:", "g:!x:a", "g:!h:b", "g:!h:aa",
            "g:!h:t:", "g:!h:t:00", "g:!h:t:000000000000000g", "g:!h:p:", "g:!h:p:host", "g:!h-a",
            "g:!h:q:0000000000000000", "x:1", "p:clock",
        ])
    func strangers(name: String) {
        #expect(SharedNames().meaning(of: Array(name.utf8).span) == .nothing)
        #expect(SharedNames(prefix: [0x78]).meaning(of: Array(name.utf8).span) == .nothing)
    }

    @Test("Fuzz: no key traps")
    func fuzz() {
        var random = Seeded(seed: 4)
        for _ in 0..<20_000 {
            let name = random.bytes(0...45, of: "rg:!hst1pak/0123456789abcdef*\n")
            _ = SharedNames().meaning(of: name.span)
        }
    }
}

@Suite("Commands of the shared cache")
struct SharedCommandTests {
    private let commands = SharedCommands(names: SharedNames(prefix: Array("m:".utf8)))
    private let key = SharedKey(high: 0, low: 1)
    private let base = SharedKey(high: 0, low: 2)
    private let token = Array("tok".utf8)
    private let one = "00000000000000000000000000000001"
    private let two = "00000000000000000000000000000002"

    private var lease: SharedCommands.Lease {
        SharedCommands.Lease(key: key, token: token, number: 77)
    }

    @Test("looking up")
    func lookUp() {
        #expect(text(commands.peek(key)) == "FCALL meliproxy_1_peek 1 m:r:1:\(one) ''")
        #expect(
            text(commands.peek(key, known: 0x4142, readOnly: true))
                == "FCALL_RO meliproxy_1_peek 1 m:r:1:\(one) BA\\x00\\x00\\x00\\x00\\x00\\x00")
        #expect(
            text(
                commands.getOrLease(
                    key, token: token, leaseMilliseconds: 450,
                    now: Timestamp(nanoseconds: 5_999_999)))
                == "FCALL meliproxy_1_get_or_lease 2 m:r:1:\(one) m:l:\(one) '' tok 450 5")
        #expect(text(commands.readHeader(key)) == "GETRANGE m:r:1:\(one) 0 15")
    }

    @Test("filling")
    func fill() throws {
        #expect(
            text(commands.fill(key, lease, record: [0x52], keepMilliseconds: 9))
                == "FCALL meliproxy_1_fill_if_lease 2 m:r:1:\(one) m:l:\(one) tok 77 9 R")
        let rule = try #require(
            VaryRule.read(response(200, ["Vary: x"]), request(), CacheSettings()))
        let record = try #require(VaryRecord(rule, known: nil, writeID: 3))
        let variant = SharedCommands.Variant(base: base, known: nil, record: record)
        let first = commands.fill(
            key, SharedCommands.Lease(key: base, token: token, number: 1), record: [0x52],
            keepMilliseconds: 9, variant: variant)
        #expect(
            text(Array(first[..<9]))
                == "FCALL meliproxy_1_fill_if_lease 3 m:r:1:\(one) m:l:\(two) m:r:1:\(two) tok 1 9")
        #expect(Array(first[9...]) == [[0x52], [], record.encoded(), key.bytes])
        let known = SharedCommands.Variant(base: base, known: 0x0102, record: record)
        let later = commands.fill(
            key, lease, record: [0x52], keepMilliseconds: 0, variant: known)
        #expect(later[10] == [2, 1, 0, 0, 0, 0, 0, 0])
        // Nothing is kept for no time: Redis would refuse.
        #expect(later[8] == Array("1".utf8))
    }

    @Test("leases")
    func leases() {
        #expect(
            text(commands.release(lease))
                == "FCALL meliproxy_1_release_lease 2 m:r:1:\(one) m:l:\(one) tok '' 0")
        let unshared = commands.release(lease, unsharedMilliseconds: 120_000, writeID: 5)
        #expect(unshared[6] == UnsharedRecord.encoded(writeID: 5))
        #expect(string(unshared[7]) == "120000")
        #expect(
            text(commands.renew(lease, milliseconds: 5))
                == "FCALL meliproxy_1_renew_lease 1 m:l:\(one) tok 5")
    }

    static let purgeTable: [(SharedPurge, PurgeMode, String)] = [
        (.name(.all), .hard, "bump_generation 1 m:g:a:0000000000000000 h a"),
        (
            .name(.tag(15)), .soft,
            "bump_generation 1 m:g:t:000000000000000f s t:000000000000000f"
        ),
        (
            .name(.route(1)), .hard,
            "bump_generation 1 m:g:r:0000000000000001 h r:0000000000000001"
        ),
        (
            .target(hash: 7, bucketOf: 0x1001), .hard,
            "bump_generation 1 m:g:x:0000000000000001 h k:0000000000000007"
        ),
        (
            .name(.prefix(Array("/a".utf8), host: nil)), .soft,
            "bump_prefix 1 m:g:p:0000000000000000 s p:*/a 0 '' /a"
        ),
        (
            .name(.prefix(Array("/a".utf8), host: Array("h".utf8))), .hard,
            "bump_prefix 1 m:g:p:0000000000000000 h p:h/a 1 h /a"
        ),
        (
            .keys([SharedKey(high: 0, low: 1)], notice: 9), .hard,
            "purge_keys 1 m:r:1:00000000000000000000000000000001 k:0000000000000009"
        ),
        (
            .keys([SharedKey(high: 0, low: 1), SharedKey(high: 0, low: 2)], notice: 9), .soft,
            "soften_keys 2 m:r:1:00000000000000000000000000000001 "
                + "m:r:1:00000000000000000000000000000002 k:0000000000000009"
        ),
    ]

    @Test("purging", arguments: 0..<purgeTable.count)
    func purge(index: Int) {
        let (purge, mode, expected) = Self.purgeTable[index]
        #expect(text(commands.purge(purge, mode)) == "FCALL meliproxy_1_" + expected)
    }

    @Test("prefixes are bounded, and purge more then")
    func longPrefix() {
        let long = [UInt8](repeating: UInt8(ascii: "/"), count: 2_000)
        let command = commands.purge(.name(.prefix(long, host: long)), .hard)
        #expect(command[8].count == 256)
        #expect(command[7] == [])
        #expect(string(command[6]) == "0")
    }

    @Test("as a script the name comes last")
    func script() {
        var commands = commands
        commands.form = .script(hash: Array("abc".utf8))
        #expect(text(commands.peek(key)) == "EVALSHA abc 1 m:r:1:\(one) '' peek")
        #expect(
            text(commands.peek(key, readOnly: true)) == "EVALSHA_RO abc 1 m:r:1:\(one) '' peek")
    }

    @Test("setting up")
    func control() {
        #expect(
            text(
                commands.heartbeat(Heartbeat(attempt: 2, number: 3), instance: Array("i".utf8)))
                == "SET m:h:i:2:3 1 PX 5000")
        #expect(text(SharedCommands.wait(replicas: 1, milliseconds: 50)) == "WAIT 1 50")
        #expect(
            text(commands.track(connection: 12))
                == "CLIENT TRACKING ON REDIRECT 12 BCAST PREFIX m:r: PREFIX m:g: PREFIX m:h:")
        #expect(SharedCommands.loadFunctions[..<3].map(string) == ["FUNCTION", "LOAD", "REPLACE"])
        #expect(SharedCommands.loadScript[..<2].map(string) == ["SCRIPT", "LOAD"])
    }
}
