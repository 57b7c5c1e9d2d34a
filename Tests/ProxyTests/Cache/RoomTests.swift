import EventLoop
import ProxyCore
import Support
import Telemetry
import Testing

@testable import Proxy

@Suite("Memory cache: room")
struct RoomTests {
    @Test("an entry larger than the share is refused, one just as large is not")
    func large() throws {
        let cache = CacheFixture(bytesMax: 1 << 20)
        #expect(try !cache.put("large", bodyBytes: 1 << 20))
        #expect(cache.entries == 0 && cache.bytes == 0 && cache.memory.alive.bytes == 0)
        // A sixth of its bytes is charged on top.
        #expect(try cache.put("fits", bodyBytes: (1 << 20) * 6 / 7 - CacheFixture.marginBytes))
        #expect(try cache.find() == "fits")
    }

    @Test("variants that do not fit beside a new one make room for it, the oldest first")
    func outgrown() throws {
        let cache = CacheFixture(bytesMax: 1 << 20)
        let fields = ["Cache-Control: max-age=60", "Vary: Accept-Language"]
        #expect(try cache.put("en", fields, to: ["Accept-Language: en"], bodyBytes: 600_000))
        #expect(try cache.put("fr", fields, to: ["Accept-Language: fr"], bodyBytes: 100_000))
        #expect(try cache.put("de", fields, to: ["Accept-Language: de"], bodyBytes: 600_000))
        #expect(cache.names() == ["de", "fr"])
        #expect(cache.evicted(.size) == 1 && cache.evicted(.replaced) == 0)
        #expect(cache.bytes <= 1 << 20 && cache.memory.alive.bytes < cache.bytes)
    }

    @Test("one that is too large leaves what is there alone")
    func tooLarge() throws {
        let cache = CacheFixture(bytesMax: 1 << 20)
        try cache.put("small")
        let large = try cache.response("large", bodyBytes: 1 << 20)
        #expect(cache.outcome(large) == .tooLarge)
        #expect(try cache.find() == "small")
    }

    @Test("a body that only a slow client holds on to counts until it is sent")
    func bodyHeld() throws {
        let cache = CacheFixture(bytesMax: 1 << 20)
        try cache.put("sent", bodyBytes: 600_000)
        var body: SharedBytes? = try #require(cache.stored("sent")).body
        cache.invalidate()
        #expect(cache.bytes == 0 && cache.memory.alive.bytes >= 700_000)
        #expect(try !cache.put("large", bodyBytes: 500_000))
        #expect(body?.count == 600_000)
        body = nil
        #expect(cache.memory.alive.bytes == 0)
        #expect(try cache.put("large", bodyBytes: 500_000))
    }

    @Test("others go for a new entry, and are counted")
    func eviction() throws {
        let cache = CacheFixture(bytesMax: 1 << 20)
        for number in 0..<20 {
            #expect(try cache.put("r", at: "/\(number)", bodyBytes: 85_000))
        }
        #expect(cache.entries == 10)
        #expect(cache.evicted(.size) == 10)
    }

    @Test("a response lives as long as somebody holds on to it, and is charged for that long")
    func retained() throws {
        let cache = CacheFixture(bytesMax: 1 << 20)
        var held: StoredResponse? = try cache.response("held", bodyBytes: 600_000)
        #expect(try cache.store(#require(held)))
        cache.invalidate()
        #expect(cache.bytes == 0 && cache.memory.alive.bytes > 600_000)
        #expect(try !cache.put("large", bodyBytes: 600_000))
        for number in 0..<20 {
            #expect(try cache.put("r", at: "/\(number)", bodyBytes: 40_000))
            #expect(cache.memory.alive.bytes <= 1 << 20)
        }
        #expect(cache.bytes < 1 << 20 - 600_000)
        held = nil
        #expect(held == nil && cache.memory.alive.bytes < 1 << 20 - 600_000)
        #expect(try cache.put("large", bodyBytes: 600_000))
        #expect(try cache.find() == "large")
    }

    @Test("more held than the whole budget: nothing is stored, what was stored goes with the sweep")
    func allRetained() throws {
        let cache = CacheFixture(bytesMax: 1 << 20)
        try cache.put("a")
        var held = try (0..<3).map { _ in try cache.response("held", bodyBytes: 500_000) }
        #expect(try !cache.put("b", at: "/b"))
        cache.memory.sweep(count: 0, now: received)
        #expect(cache.entries == 0)
        held.removeAll()
        #expect(try cache.put("b", at: "/b"))
    }

    @Test("whatever is stored, the budget holds", arguments: UInt64(0)..<8)
    func random(seed: UInt64) throws {
        var chance = Seeded(seed: seed)
        let bytesMax = 1 << 20
        let cache = CacheFixture(bytesMax: bytesMax)
        for _ in 0..<300 {
            let path = "/\(Int.random(in: 0..<40, using: &chance))"
            switch Int.random(in: 0..<20, using: &chance) {
            case 0: cache.invalidate(path)
            case 1...5: _ = try cache.find(path)
            default:
                // Mostly small, now and then hardly to be stored.
                let bits = Int.random(in: 1...21, using: &chance)
                let count = Int.random(in: 0..<(1 << bits), using: &chance)
                let isStored = try cache.put(
                    "r", at: path, ["Cache-Control: max-age=60", "Vary: Accept"],
                    to: ["Accept: \(Int.random(in: 0..<3, using: &chance))"], bodyBytes: count)
                #expect(isStored || count + CacheFixture.marginBytes > bytesMax / 4)
            }
            #expect(cache.bytes <= bytesMax)
            #expect(cache.memory.alive.bytes <= cache.bytes)
        }
        cache.memory.purges.record(.all, .hard)
        cache.memory.sweep(count: .max, now: received)
        #expect(cache.entries == 0 && cache.bytes == 0 && cache.memory.alive.bytes == 0)
    }

    @Test("each of several shards has its share, an equal one, and each key one shard")
    func shards() throws {
        let cache = CacheFixture(bytesMax: 64 << 20)
        #expect(try !cache.put("large", bodyBytes: 17 << 20))
        for number in 0..<200 { #expect(try cache.put("\(number)", at: "/\(number)")) }
        for number in 0..<200 { #expect(try cache.find("/\(number)") == "\(number)") }
        #expect(cache.entries == 200)
    }
}
