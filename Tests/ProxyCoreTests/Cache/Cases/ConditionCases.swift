import Testing

/// A stored response, conditions of a client, and what comes of them.
struct ConditionCase: Sendable, CustomTestStringConvertible {
    var section: String
    var status: UInt16
    var stored: [String]
    var request: [String]
    /// "none", "notModified" or "full"; for ranges "whole", "416" or the parts.
    var expected: String
    var method: String

    init(
        _ section: String, _ stored: [String], _ request: [String], _ expected: String,
        status: UInt16 = 200, method: String = "GET"
    ) {
        self.section = section
        self.status = status
        self.stored = stored
        self.request = request
        self.expected = expected
        self.method = method
    }

    var testDescription: String {
        "§\(section) \(method) \(request) of \(status) \(stored) → \(expected)"
    }
}

private let strong = ["ETag: \"abc\""]
private let weak = ["ETag: W/\"abc\""]
private let modified = ["Last-Modified: " + date(-1000)]

private func none(_ tags: String) -> [String] { ["If-None-Match: " + tags] }
private func since(_ seconds: Int64) -> [String] { ["If-Modified-Since: " + date(seconds)] }

let conditionCases: [ConditionCase] = [
    .init("4.3.2", strong, [], "none"),
    .init("4.3.2", strong, none("\"abc\""), "notModified"),
    .init("4.3.2", strong, none("\"abd\""), "full"),
    .init("9110 8.8.3.2", strong, none("W/\"abc\""), "notModified"),
    .init("9110 8.8.3.2", weak, none("W/\"abc\""), "notModified"),
    .init("9110 8.8.3.2", weak, none("\"abc\""), "notModified"),
    .init("9110 8.8.3.2", weak, none("W/\"abd\""), "full"),
    .init("9110 8.8.3", strong, none("\"ABC\""), "full"),
    .init("9110 8.8.3", strong, none("w/\"abc\""), "full"),
    .init("9110 8.8.3", strong, none("abc"), "full"),
    .init("9110 8.8.3", ["ETag: abc"], none("abc"), "notModified"),
    .init("9110 8.8.3", ["ETag: abc"], none("\"abc\""), "full"),
    .init("9110 8.8.3", ["ETag: \"\""], none("\"\""), "notModified"),
    .init("9110 8.8.3", ["ETag: \"\u{fc}\""], none("\"\u{fc}\""), "notModified"),
    .init("9110 8.8.3", ["ETag: \"a, b\""], none("\"a, b\""), "notModified"),
    .init("9110 8.8.3", ["ETag: \"a\\\""], none("\"a\\\", \"b\""), "notModified"),
    .init("9110 13.1.2", strong, none("\"abc\", \"b\", \"c\""), "notModified"),
    .init("9110 13.1.2", strong, none("\"b\", \"abc\", \"c\""), "notModified"),
    .init("9110 13.1.2", strong, none("\"b\",\"c\" , \"abc\""), "notModified"),
    .init("9110 13.1.2", strong, none(",, \"b\", ,W/\"abc\","), "notModified"),
    .init("9110 13.1.2", strong, none("\"b\"") + none("\"abc\""), "notModified"),
    .init("9110 13.1.2", strong, none("\"b\", x, \"c\""), "full"),
    .init("9110 13.1.2", strong, none("\"b, \"abc\""), "full"),
    .init("9110 13.1.2", strong, none("\"x \"abc\" y\""), "full"),
    .init("9110 13.1.2", strong, none("*"), "notModified"),
    .init("9110 13.1.2", [], none("*"), "notModified"),
    .init("9110 13.1.2", [], none("\"abc\""), "full"),
    .init("9110 13.1.2", [], none(""), "full"),
    .init("9110 13.1.2", strong, none("\"*\""), "full"),
    .init("9110 13.1.2", strong, none("\"abc\""), "notModified", method: "HEAD"),

    // If-Modified-Since.
    .init("9110 13.1.3", modified, since(-1000), "notModified"),
    .init("9110 13.1.3", modified, since(-999), "notModified"),
    .init("9110 13.1.3", modified, since(0), "notModified"),
    .init("9110 13.1.3", modified, since(5000), "notModified"),
    .init("9110 13.1.3", modified, since(-1001), "full"),
    .init("9110 13.1.3", modified, ["If-Modified-Since: x"], "none"),
    .init("9110 13.1.3", modified, ["If-Modified-Since:"], "none"),
    .init("9110 13.1.3", modified, since(0) + since(0), "none"),
    .init(
        "9110 13.1.3", modified, ["If-Modified-Since: Wednesday, 01-Jan-25 00:00:00 GMT"],
        "notModified"),
    .init("9110 13.1.3", modified, ["If-Modified-Since: Wed Jan  1 00:00:00 2025"], "notModified"),
    .init("9110 13.1.3", modified, since(0), "notModified", method: "HEAD"),
    .init("4.3.2", ["Date: " + date(-50)], since(-50), "notModified"),
    .init("4.3.2", ["Date: " + date(-50)], since(-51), "full"),
    .init("4.3.2", [], since(0), "notModified"),
    .init("4.3.2", [], since(-1), "full"),
    .init("4.3.2", ["Last-Modified: x"], since(0), "notModified"),

    // Precedence, and other statuses (RFC 9110 §13.2).
    .init("9110 13.2.2", strong + modified, none("\"abc\"") + since(-5000), "notModified"),
    .init("9110 13.2.2", strong + modified, none("\"b\"") + since(0), "full"),
    .init("9110 13.2.1", strong, none("\"abc\""), "none", status: 404),
    .init("9110 13.2.1", strong, none("\"abc\""), "none", status: 301),
    .init("9110 13.2.1", strong, none("*"), "none", status: 500),
    .init("9110 13.2.1", strong, none("\"abc\""), "notModified", status: 203),
    .init("4.3.2", strong, ["If-Match: \"b\""], "none"),
    .init("4.3.2", strong, ["If-Unmodified-Since: " + date(-9000)], "none"),
]

private func bytes(_ spec: String) -> [String] { ["Range: bytes=" + spec] }

/// Ranges of a stored body of 1000 bytes.
let rangeCases: [ConditionCase] = [
    .init("9110 14.2", [], [], "whole"),
    .init("9110 14.1.2", [], bytes("0-0"), "0..<1"),
    .init("9110 14.1.2", [], bytes("0-499"), "0..<500"),
    .init("9110 14.1.2", [], bytes("500-"), "500..<1000"),
    .init("9110 14.1.2", [], bytes("0-"), "0..<1000"),
    .init("9110 14.1.2", [], bytes("999-"), "999..<1000"),
    .init("9110 14.1.2", [], bytes("999-999"), "999..<1000"),
    .init("9110 14.1.2", [], bytes("990-5000"), "990..<1000"),
    .init("9110 14.1.2", [], bytes("0-18446744073709551616"), "0..<1000"),
    .init("9110 14.1.2", [], bytes("-1"), "999..<1000"),
    .init("9110 14.1.2", [], bytes("-1000"), "0..<1000"),
    .init("9110 14.1.2", [], bytes("-5000"), "0..<1000"),
    .init("9110 14.1.2", [], bytes("-99999999999999999999"), "0..<1000"),
    .init("9110 14.1.2", [], bytes("1000-"), "416"),
    .init("9110 14.1.2", [], bytes("1000-1001"), "416"),
    .init("9110 14.1.2", [], bytes("99999999999999999999-"), "416"),
    .init("9110 14.1.2", [], bytes("-0"), "416"),
    .init("9110 14.1.2", [], bytes("-0, 1000-"), "416"),
    .init("9110 14.1.2", [], bytes("-0, 0-0"), "0..<1"),
    .init("9110 14.2", [], ["Range: BYTES=0-0"], "0..<1"),
    .init("9110 14.2", [], ["Range: bytes= 0-0 , 500-500"], "0..<1 500..<501"),
    .init("9110 14.2", [], ["Range: items=0-0"], "whole"),
    .init("9110 14.2", [], ["Range: bytes"], "whole"),
    .init("9110 14.2", [], ["Range: bytes="], "whole"),
    .init("9110 14.2", [], ["Range: bytes =0-0"], "whole"),
    .init("9110 14.2", [], ["Range: 0-0"], "whole"),
    .init("9110 14.2", [], bytes(","), "whole"),
    .init("9110 14.2", [], bytes("5"), "whole"),
    .init("9110 14.2", [], bytes("-"), "whole"),
    .init("9110 14.2", [], bytes("a-b"), "whole"),
    .init("9110 14.2", [], bytes("0-x"), "whole"),
    .init("9110 14.2", [], bytes("0 - 5"), "whole"),
    .init("9110 14.2", [], bytes("0--5"), "whole"),
    .init("9110 14.1.1", [], bytes("5-4"), "whole"),
    .init("9110 14.1.1", [], bytes("0-0, 5-4"), "whole"),
    .init("9110 14.2", [], bytes("0-0") + bytes("5-5"), "whole"),
    .init("9110 14.2", [], bytes("0-0"), "whole", method: "HEAD"),
    .init("9110 14.2", [], bytes("0-0"), "whole", status: 404),
    .init("9110 14.2", [], bytes("0-0"), "whole", status: 203),

    // Several parts.
    .init("9110 15.3.7.2", [], bytes("0-9,500-509"), "0..<10 500..<510"),
    .init("9110 15.3.7.2", [], bytes("500-509,0-9"), "500..<510 0..<10"),
    .init("9110 15.3.7.2", [], bytes("0-9,1000-,-10"), "0..<10 990..<1000"),
    .init("9110 15.3.7.2", [], bytes("0-99,50-149"), "0..<150"),
    .init("9110 15.3.7.2", [], bytes("0-9,10-19"), "0..<20"),
    .init("9110 15.3.7.2", [], bytes("0-9,90-99"), "0..<10 90..<100"),
    .init("9110 15.3.7.2", [], bytes("0-9,91-99"), "0..<10 91..<100"),
    .init("9110 15.3.7.2", [], bytes("90-99,0-9"), "90..<100 0..<10"),
    .init("9110 15.3.7.2", [], bytes("0-9,500-509,5-504"), "0..<510"),
    .init("9110 15.3.7.2", [], bytes("500-509,0-9,10-19"), "500..<510 0..<20"),
    .init("9110 15.3.7.2", [], bytes("0-,0-,0-"), "0..<1000"),
    .init(
        "9110 14.2", [], bytes((0..<8).map { "\($0 * 120)-\($0 * 120)" }.joined(separator: ",")),
        (0..<8).map { "\($0 * 120)..<\($0 * 120 + 1)" }.joined(separator: " ")),

    // If-Range.
    .init("9110 13.1.5", strong, bytes("0-0") + ["If-Range: \"abc\""], "0..<1"),
    .init("9110 13.1.5", strong, bytes("0-0") + ["If-Range: \"abd\""], "whole"),
    .init("9110 13.1.5", strong, bytes("0-0") + ["If-Range: W/\"abc\""], "whole"),
    .init("9110 13.1.5", weak, bytes("0-0") + ["If-Range: W/\"abc\""], "whole"),
    .init("9110 13.1.5", weak, bytes("0-0") + ["If-Range: \"abc\""], "whole"),
    .init("9110 13.1.5", ["ETag: abc"], bytes("0-0") + ["If-Range: abc"], "whole"),
    .init("9110 13.1.5", [], bytes("0-0") + ["If-Range: \"abc\""], "whole"),
    .init("9110 13.1.5", modified, bytes("0-0") + ["If-Range: " + date(-1000)], "0..<1"),
    .init("9110 13.1.5", modified, bytes("0-0") + ["If-Range: " + date(-999)], "whole"),
    .init("9110 13.1.5", modified, bytes("0-0") + ["If-Range: " + date(-1001)], "whole"),
    .init("9110 13.1.5", modified, bytes("0-0") + ["If-Range: x"], "whole"),
    .init("9110 13.1.5", [], bytes("0-0") + ["If-Range: " + date(0)], "whole"),
    .init(
        "9110 8.8.2.2", ["Last-Modified: " + date(0)], bytes("0-0") + ["If-Range: " + date(0)],
        "whole"),
    .init(
        "9110 8.8.2.2", ["Last-Modified: " + date(-1)], bytes("0-0") + ["If-Range: " + date(-1)],
        "0..<1"),
    .init("9110 13.1.5", strong, ["If-Range: \"abd\""], "whole"),
]
