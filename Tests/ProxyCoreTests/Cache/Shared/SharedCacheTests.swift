import Testing
import Time

@testable import ProxyCore

private func at(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: milliseconds * 1_000_000)
}
private let a = Array("a".utf8)
private let b = Array("b".utf8)
private let c = Array("c".utf8)

@Suite("Fills that a write overtakes")
struct FillGuardTests {
    @Test("an answer with its placeholder is kept, once")
    func kept() {
        var fills = FillGuard(pendingMax: 4)
        let placeholder = fills.begin(a)
        #expect(fills.finish(placeholder) == true)
        #expect(fills.finish(placeholder) == false)
        #expect(fills.count == 0)
    }

    @Test("an invalidation in between, and it is not kept")
    func invalidated() {
        var fills = FillGuard(pendingMax: 4)
        let first = fills.begin(a)
        let other = fills.begin(b)
        fills.invalidate(a)
        #expect(fills.finish(first) == false)
        #expect(fills.finish(other) == true)
        #expect(fills.refusals == [.invalidated: 1])
    }

    @Test("one that was begun after the invalidation is")
    func later() {
        var fills = FillGuard(pendingMax: 4)
        let first = fills.begin(a)
        fills.invalidate(a)
        let second = fills.begin(a)
        #expect(fills.finish(first) == false)
        #expect(fills.finish(second) == true)
        #expect(fills.refusals == [.superseded: 1])
    }

    @Test("a flush in between concerns all")
    func flushed() {
        var fills = FillGuard(pendingMax: 4)
        let placeholders = [fills.begin(a), fills.begin(b)]
        fills.flush()
        let after = fills.begin(a)
        for placeholder in placeholders { #expect(fills.finish(placeholder) == false) }
        #expect(fills.finish(after) == true)
        #expect(fills.refusals == [.flushed: 2])
    }

    @Test("no more than the limit, the oldest go")
    func bounded() {
        var fills = FillGuard(pendingMax: 2)
        let placeholders = [fills.begin(a), fills.begin(b), fills.begin(c)]
        #expect(fills.count == 2)
        #expect(placeholders.map { fills.finish($0) } == [false, true, true])
        #expect(fills.refusals == [.crowdedOut: 1])
    }

    @Test("many that are never finished cost no more than the limit")
    func forgotten() {
        var fills = FillGuard(pendingMax: 16)
        for number in 0..<10_000 {
            _ = fills.begin([UInt8(truncatingIfNeeded: number), UInt8(number / 256 % 256)])
            if number % 3 == 0 { fills.invalidate([UInt8(truncatingIfNeeded: number), 0]) }
        }
        #expect(fills.count <= 16)
    }
}

@Suite("The journal of purges")
struct PurgeJournalTests {
    @Test("owes each new master the purges of the last minute, oldest first")
    func owed() {
        var journal = PurgeJournal<String>()
        let first = journal.record("a", at: at(0))
        #expect(journal.owed(to: 1, at: at(1))?.entries == ["a"])
        journal.carriedOut(first, by: 1)
        #expect(journal.owed(to: 1, at: at(1)) == nil)
        _ = journal.record("b", at: at(2))
        #expect(journal.owed(to: 1, at: at(3))?.entries == ["b"])
        #expect(journal.owed(to: 2, at: at(3))?.entries == ["a", "b"])
        #expect(journal.owed(to: 2, at: at(60_000))?.entries == ["b"])
        #expect(journal.owed(to: 2, at: at(60_002)) == nil)
    }

    @Test("until it says that they were carried out, however often it is asked")
    func repeated() throws {
        var journal = PurgeJournal<String>()
        _ = journal.record("a", at: at(0))
        let owed = try #require(journal.owed(to: 5, at: at(1)))
        #expect(journal.owed(to: 5, at: at(1)) == owed)
        _ = journal.record("b", at: at(2))
        journal.carriedOut(owed, by: 5)
        #expect(journal.owed(to: 5, at: at(3))?.entries == ["b"])
        // Of an earlier master it says nothing about this one.
        journal.carriedOut(owed, by: 4)
        #expect(journal.owed(to: 6, at: at(3))?.entries == ["a", "b"])
    }

    @Test("the same purge again takes the place of the first, and is owed again")
    func again() throws {
        var journal = PurgeJournal<String>()
        let first = journal.record("a", at: at(0))
        _ = journal.record("b", at: at(1))
        let owed = try #require(journal.owed(to: 1, at: at(1)))
        _ = journal.record("a", at: at(2))
        journal.carriedOut(owed, by: 1)
        journal.carriedOut(first, by: 1)
        #expect(journal.count == 2)
        #expect(journal.owed(to: 1, at: at(3))?.entries == ["a"])
        #expect(journal.owed(to: 2, at: at(3))?.entries == ["b", "a"])
    }

    @Test("too many become one of everything")
    func bounded() throws {
        var journal = PurgeJournal<Int>(entriesMax: 3)
        var last: UInt64 = 0
        for number in 0..<4 { last = journal.record(number, at: at(UInt64(number))) }
        #expect(journal.count == 1)
        // The purge that was too many was carried out; those before it may not have been.
        journal.carriedOut(last, by: 1)
        let owed = try #require(journal.owed(to: 1, at: at(5)))
        #expect(owed.isEverything && owed.entries == [])
        _ = journal.record(9, at: at(6))
        #expect(journal.owed(to: 1, at: at(6))?.entries == [9])
        journal.carriedOut(owed, by: 1)
        let rest = try #require(journal.owed(to: 1, at: at(6)))
        #expect(!rest.isEverything && rest.entries == [9])
        for number in 0..<10_000 {
            _ = journal.record(number, at: at(7))
            #expect(journal.count <= 4)
        }
    }
}
