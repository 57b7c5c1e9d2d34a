import HTTP1
import Testing

@Suite("RFC 9110 §5.6.1 lists")
struct ListIteratorTests {
    @Test(
        "fall apart at commas outside of quoted strings",
        arguments: [
            ("", []), (",", []), (" , ,", []), ("a", ["a"]), ("a,b", ["a", "b"]),
            (" a ,\tb\t", ["a", "b"]), ("a,,b,", ["a", "b"]), (",a", ["a"]),
            ("a=\"b,c\", d", ["a=\"b,c\"", "d"]), ("\"a\\\",b\",c", ["\"a\\\",b\"", "c"]),
            ("\"a,b", ["\"a,b"]), ("\"a\\", ["\"a\\"]), ("a b, c", ["a b", "c"]),
            ("\\,a", ["\\", "a"]),
        ] as [(String, [String])])
    func members(_ list: String, _ expected: [String]) {
        // Bytes around the list must not matter.
        let bytes = octets("x,\"" + list + "\",y")
        var iterator = ListIterator(ByteRange(3, 3 + octets(list).count))
        var members: [String] = []
        while let member = iterator.next(in: bytes.span) { members.append(text(bytes, member)) }
        #expect(members == expected)
        #expect(iterator.next(in: bytes.span) == nil)
    }

    @Test(
        "tell of empty members",
        arguments: [
            ("a", false), ("a,b", false), ("a , b", false), ("\",\"", false), (",a", true),
            ("a,", true), ("a, ", true), ("a,,b", true), (",", true),
        ])
    func empty(_ list: String, _ expected: Bool) {
        let bytes = octets(list)
        var iterator = ListIterator(ByteRange(0, bytes.count))
        while iterator.next(in: bytes.span) != nil {}
        #expect(iterator.sawEmptyMember == expected)
    }
}

@Suite("Runs of bytes")
struct BytesTests {
    @Test(
        "as decimal numbers",
        arguments: [
            ("0", .value(0)), ("00", .value(0)), ("18446744073709551615", .value(.max)),
            ("18446744073709551616", .overflow), ("99999999999999999999999", .overflow),
            ("", .invalid), ("+1", .invalid), ("-1", .invalid), (" 1", .invalid), ("1 ", .invalid),
            ("1x", .invalid), ("99999999999999999999999x", .invalid), ("\u{b2}", .invalid),
        ] as [(String, Decimal)])
    func decimal(_ digits: String, _ expected: Decimal) {
        let bytes = octets(digits)
        #expect(bytes.span.decimal(ByteRange(0, bytes.count)) == expected)
    }

    @Test("compare with and without regard to case")
    func compare() {
        let bytes = octets("xAbC-1@y")
        let range = ByteRange(1, 7)
        #expect((bytes.span.equals(range, "AbC-1@")) == true)
        #expect((bytes.span.equals(range, "abc-1@")) == false)
        #expect((bytes.span.equals(range, "AbC-1")) == false)
        #expect((bytes.span.equalsIgnoringCase(range, "aBc-1@")) == true)
        #expect((bytes.span.equalsIgnoringCase(range, "aBc-1`")) == false)
        #expect((bytes.span.equalsIgnoringCase(range, "aBc\r1@")) == false)
        #expect((bytes.span.equals(ByteRange(5, 20), "1@y............")) == false)
        #expect((bytes.span.equals(ByteRange(start: -1, count: 1), "x")) == false)
    }

    @Test("lose blanks at their ends only")
    func trim() {
        let bytes = octets(" \t a b\t ")
        #expect(text(bytes, bytes.span.trimmingBlanks(ByteRange(0, 8))) == "a b")
        #expect(bytes.span.trimmingBlanks(ByteRange(0, 3)).count == 0)
        #expect(bytes.span.trimmingBlanks(ByteRange(6, 100)).count == 0)
    }
}
