import Testing

@testable import HTTP1

@Suite("Classes of bytes")
struct OctetTests {
    private static let alphanumeric =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    private let tokens = Set((alphanumeric + "!#$%&'*+-.^_`|~").utf8)
    private let registered = Set((alphanumeric + "-._~!$&'()*+,;=").utf8)

    @Test("are those of the grammars")
    func classes() {
        for byte in UInt8.min...UInt8.max {
            #expect(Octet.isToken(byte) == tokens.contains(byte))
            #expect(Octet.isRegisteredName(byte) == registered.contains(byte))
            let digit = Unicode.Scalar(byte).properties.numericType == .decimal
            #expect(Octet.isDigit(byte) == digit)
            let hex = byte < 128 ? Character(Unicode.Scalar(byte)).hexDigitValue : nil
            #expect(Octet.hexValue(byte).map(Int.init) == hex)
        }
    }

    @Test("are found at every place of a word, whatever stands around", arguments: 0..<20)
    func scanning(_ place: Int) {
        for around in [UInt8(ascii: "a"), UInt8(ascii: "-"), 0x7E, 0x21] {
            for byte in UInt8.min...UInt8.max {
                var bytes = [UInt8](repeating: around, count: 24)
                bytes[place] = byte
                let span = bytes.span
                func expected(_ ends: (UInt8) -> Bool) -> Int {
                    bytes.firstIndex(where: ends) ?? bytes.count
                }
                #expect(
                    span.endOfText(from: 0, limit: 24)
                        == expected { $0 < 0x20 && $0 != 9 || $0 == 0x7F })
                #expect(
                    span.endOfTarget(from: 0, limit: 24)
                        == expected { $0 <= 0x20 || $0 >= 0x7F || $0 == 0x23 })
                #expect(
                    span.endOfToken(from: 0, limit: 24) == expected { !tokens.contains($0) })
                #expect(span.offset(of: byte, from: 0, limit: 24) == expected { $0 == byte })
                #expect(span.endOfText(from: place, limit: place) == place)
            }
        }
    }
}
