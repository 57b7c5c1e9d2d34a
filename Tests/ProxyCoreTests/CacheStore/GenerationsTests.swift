import ProxyCore
import Testing

/// The entry that the tests ask about.
private struct Entry {
    var route = "items"
    var host = "api.example"
    var path = "/items/1"
    var tags = ["seller-7", "category-3"]

    func check(_ generations: Generations, sequence: UInt64 = 0) -> PurgeVerdict {
        let (host, path) = (Array(self.host.utf8), Array(self.path.utf8))
        let targets = (
            stableHash(path.span, from: stableHash(host.span)), stableHash(path.span)
        )
        return generations.check(
            sequence: sequence, route: hash(route), targets: targets, host: host.span,
            path: path.span, tags: tags.map(hash))
    }
}

private func hash(_ text: String) -> UInt64 { stableHash(Array(text.utf8).span) }

private func prefix(_ path: String, _ host: String? = nil) -> Purge {
    .prefix(Array(path.utf8), host: host.map { Array($0.utf8) })
}

@Suite("Generations")
struct GenerationsTests {
    private static let scopes: [Row<Purge, Bool>] = [
        Row(.all, true),
        Row(.route(hash("items")), true),
        Row(.route(hash("users")), false),
        Row(.tag(hash("category-3")), true),
        Row(.tag(hash("seller-7")), true),
        Row(.tag(hash("seller-70")), false),
        Row(.target(hash("api.example/items/1")), true),
        Row(.target(hash("/items/1")), true),
        Row(.target(hash("www.example/items/1")), false),
        Row(.target(hash("/items/10")), false),
        // A name is of one kind only.
        Row(.tag(hash("items")), false),
        Row(.route(hash("/items/1")), false),
        Row(.target(hash("category-3")), false),
        Row(prefix(""), true),
        Row(prefix("/"), true),
        Row(prefix("/it"), true),
        Row(prefix("/items/1"), true),
        Row(prefix("/items/10"), false),
        Row(prefix("/Items"), false),
        Row(prefix("/items", "api.example"), true),
        Row(prefix("", "api.example"), true),
        Row(prefix("/items", "www.example"), false),
        Row(prefix("/items", "api.exampl"), false),
        Row(prefix("/items", ""), false),
    ]

    @Test("a purge concerns what it names", arguments: scopes)
    func scope(row: Row<Purge, Bool>) {
        for (mode, verdict) in [(PurgeMode.soft, PurgeVerdict.soft), (.hard, .hard)] {
            var generations = Generations()
            #expect(Entry().check(generations) == .valid)
            let sequence = generations.record(row.input, mode)
            #expect(sequence == 1 && generations.epoch == 1)
            #expect(Entry().check(generations) == (row.output ? verdict : .valid))
        }
    }

    @Test(
        "a purge concerns what was fetched from before it on, whenever it was stored",
        arguments: scopes.filter(\.output).map(\.input))
    func order(purge: Purge) {
        var generations = Generations()
        generations.record(.tag(1), .hard)
        let before = generations.epoch
        generations.record(purge, .hard)
        let after = generations.epoch
        generations.record(.tag(2), .hard)
        #expect(Entry().check(generations, sequence: before) == .hard)
        #expect(Entry().check(generations, sequence: after) == .valid)
        #expect(Entry().check(generations, sequence: generations.epoch) == .valid)
        #expect(Entry().check(generations, sequence: .max) == .valid)
    }

    @Test(
        "hard is worse than soft, in any order",
        arguments: [Purge.all, .tag(hash("seller-7")), prefix("/it")])
    func modes(purge: Purge) {
        var generations = Generations()
        generations.record(purge, .hard)
        generations.record(purge, .soft)
        #expect(Entry().check(generations, sequence: 0) == .hard)
        #expect(Entry().check(generations, sequence: 1) == .soft)
        #expect(Entry().check(generations, sequence: 2) == .valid)
        generations.record(.route(hash("items")), .soft)
        generations.record(prefix("/items"), .hard)
        #expect(Entry().check(generations, sequence: 2) == .hard)
        #expect(Entry(path: "/users").check(generations, sequence: 2) == .soft)
        #expect(Entry(route: "r", path: "/users").check(generations, sequence: 2) == .valid)
    }

    @Test("an older hard prefix is found behind a newer soft one")
    func prefixOrder() {
        var generations = Generations()
        generations.record(prefix("/items"), .hard)
        generations.record(prefix("/"), .soft)
        generations.record(prefix("/users"), .hard)
        #expect(Entry().check(generations, sequence: 0) == .hard)
        #expect(Entry().check(generations, sequence: 1) == .soft)
        #expect(Entry().check(generations, sequence: 2) == .valid)
    }

    @Test("a prefix too long to keep purges more, not less")
    func longPrefix() {
        let long = "/" + String(repeating: "a", count: 2_000)
        var generations = Generations()
        generations.record(prefix(long + "b", String(repeating: "h", count: 300)), .hard)
        #expect(Entry(path: long + "b").check(generations) == .hard)
        #expect(Entry(path: long + "c").check(generations) == .hard)
        #expect(
            Entry(path: "/" + String(repeating: "a", count: 1_000)).check(generations) == .valid)
    }
}

@Suite("Generations: bounds")
struct GenerationsBoundsTests {
    @Test("too many names: the oldest become a purge of everything before them")
    func names() {
        var generations = Generations(hashesMax: 64)
        for number in 1...1_000 as ClosedRange<UInt64> {
            generations.record(.tag(number), .soft)
            // All that was purged stays purged.
            for tag in 1...number where tag % 50 == 1 {
                #expect(verdict(generations, sequence: tag - 1, tag: tag) != .valid)
            }
        }
        #expect(verdict(generations, sequence: 1_000, tag: 1) == .valid)
        // The last fifty are remembered one by one.
        #expect(verdict(generations, sequence: 950, tag: 1) == .valid)
        #expect(verdict(generations, sequence: 950, tag: 960) == .soft)
        #expect(verdict(generations, sequence: 900, tag: 0) == .hard)
    }

    @Test("one name again and again takes one place")
    func again() {
        var generations = Generations(hashesMax: 4, prefixesMax: 4)
        for _ in 0..<100 {
            generations.record(.route(1), .hard)
            generations.record(.target(1), .soft)
            generations.record(prefix("/a"), .hard)
            generations.record(prefix("/b"), .soft)
        }
        #expect(verdict(generations, sequence: 0, tag: 2) == .valid)
        #expect(verdict(generations, sequence: 0, tag: 1) == .hard)
    }

    @Test("too many prefixes: the same")
    func prefixes() {
        var generations = Generations(prefixesMax: 10)
        for number in 1...100 { generations.record(prefix("/\(number)/"), .soft) }
        #expect(verdict(generations, sequence: 100, tag: 1) == .valid)
        #expect(verdict(generations, sequence: 90, tag: 1) == .valid)
        #expect(verdict(generations, sequence: 90, tag: 1, path: "/95/x") == .soft)
        #expect(verdict(generations, sequence: 89, tag: 1) == .hard)
        // Purged again, the oldest is the latest.
        generations.record(prefix("/91/"), .soft)
        generations.record(prefix("/new/"), .soft)
        #expect(verdict(generations, sequence: 91, tag: 1) == .hard)
        #expect(verdict(generations, sequence: 92, tag: 1, path: "/91/") == .soft)
    }

    @Test("a hard purge of everything forgets the rest")
    func all() {
        var generations = Generations(hashesMax: 4, prefixesMax: 4)
        for number in 1...4 as ClosedRange<UInt64> {
            generations.record(.tag(number), .hard)
            generations.record(prefix("/\(number)"), .hard)
        }
        let epoch = generations.record(.all, .hard)
        #expect(verdict(generations, sequence: epoch - 1, tag: 9) == .hard)
        // There is room again: nothing has to be forgotten for these.
        for number in 1...4 as ClosedRange<UInt64> {
            generations.record(.tag(number), .soft)
            generations.record(prefix("/\(number)"), .soft)
        }
        #expect(verdict(generations, sequence: epoch, tag: 9) == .valid)
        #expect(verdict(generations, sequence: epoch, tag: 1) == .soft)
    }

    @Test("random purges within bounds never bring anything back")
    func random() {
        var random = Seeded(seed: 5)
        var exact = Generations(hashesMax: 100_000, prefixesMax: 100_000)
        var bounded = Generations(hashesMax: 50, prefixesMax: 5)
        for _ in 0..<5_000 {
            let number = UInt64.random(in: 0..<200, using: &random)
            let mode = Bool.random(using: &random) ? PurgeMode.soft : .hard
            let purge: Purge =
                switch number % 8 {
                case 0: prefix("/\(number)")
                case 1: .route(number)
                case 2: .target(number)
                case 3 where number == 3: .all
                default: .tag(number)
                }
            exact.record(purge, mode)
            bounded.record(purge, mode)
            let asked = UInt64.random(in: 0..<200, using: &random)
            let sequence = exact.epoch - min(exact.epoch, asked)
            let path = "/\(asked)"
            let expected = verdict(exact, sequence: sequence, tag: asked, path: path)
            #expect(verdict(bounded, sequence: sequence, tag: asked, path: path) >= expected)
        }
        #expect(exact.epoch == bounded.epoch)
    }

    private func verdict(
        _ generations: Generations, sequence: UInt64, tag: UInt64, path: String = "/"
    ) -> PurgeVerdict {
        let path = Array(path.utf8)
        let host = Array("h".utf8)
        return generations.check(
            sequence: sequence, route: tag, targets: (tag, tag), host: host.span, path: path.span,
            tags: [tag])
    }
}
