extension ByteWriter {
    /// Appends `value` in decimal with exactly two digits; above 99 only the last two.
    mutating func append(twoDigits value: Int) {
        append(UInt64(truncatingIfNeeded: value), digits: 2)
    }

    /// Appends `value` in small hexadecimal digits, without leading zeros.
    public mutating func append(hex value: UInt64) {
        let significant = 64 &- value.leadingZeroBitCount
        var digits = UInt64(Swift.max(1, (significant &+ 3) / 4))
        while digits > 0 {
            digits &-= 1
            let digit = UInt8(truncatingIfNeeded: value >> (4 &* digits)) & 0x0f
            append(byte: digit &+ (digit < 10 ? 0x30 : 0x57))
        }
    }

    /// Appends the line before the data of a chunk (RFC 9112 §7.1). After the data comes `crlf`; size 0
    /// announces the trailer section, so the last chunk is `appendLastChunk`.
    public mutating func appendChunkHeader(_ size: UInt64) {
        append(hex: size)
        appendLineEnd()
    }

    /// Appends the last chunk and an empty trailer section.
    public mutating func appendLastChunk() { append("0\r\n\r\n") }

    /// Appends CRLF.
    public mutating func appendLineEnd() { append("\r\n") }

    /// Appends a status line of HTTP/1.1 with the registered reason phrase.
    public mutating func appendStatusLine(_ status: UInt16) {
        if let line = StatusText.line(for: status) {
            append(line)
            return
        }
        append("HTTP/1.1 ")
        append(decimal: UInt64(status))
        append(byte: Octet.space)
        append(StatusText.reason(for: status))
        appendLineEnd()
    }

    /// Appends a field line of literals.
    public mutating func appendField(_ name: StaticString, _ value: StaticString) {
        append(name)
        append(": ")
        append(value)
        appendLineEnd()
    }

    /// Appends a field line with a number for a value.
    public mutating func appendField(_ name: StaticString, decimal value: UInt64) {
        append(name)
        append(": ")
        append(decimal: value)
        appendLineEnd()
    }

    /// Appends a field line as it was received, with exactly one SP after the colon. `source` are the
    /// bytes that the ranges of `field` index.
    public mutating func appendField(_ field: Field, of source: [UInt8]) {
        append(source, field.name)
        append(": ")
        append(source, field.value)
        appendLineEnd()
    }
}
