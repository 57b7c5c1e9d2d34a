/// One command, encoded as it is sent: an array of bulk strings.
///
/// Building one allocates once, whatever the number of arguments. The same value can be sent many times.
public struct Command: Sendable {
    /// What the command does to the data, so that reads can be told from the rest.
    public enum Access: Sendable {
        /// May be sent to a replica while there is no master.
        case read
        /// Goes to the master only.
        case write
    }

    /// What the command does to the data.
    public let access: Access
    /// A number of the caller's choice, handed back to the observer: which kind of command this was.
    public let tag: UInt8
    /// Number of arguments, the command's name included.
    public private(set) var count = 1
    /// The arguments, each as `$<length>\r\n<bytes>\r\n`.
    private var encoded: [UInt8] = []

    /// A command without arguments yet. `argumentBytes` is how many bytes of arguments are to come, so
    /// that adding them need not grow the memory.
    public init(
        _ name: StaticString, access: Access = .write, tag: UInt8 = 0, argumentBytes: Int = 0
    ) {
        self.access = access
        self.tag = tag
        encoded.reserveCapacity(name.utf8CodeUnitCount + argumentBytes + 64)
        name.withUTF8Buffer { bytes in
            encoded.append(mark: UInt8(ascii: "$"), bytes.count)
            unsafe encoded.append(contentsOf: bytes)
        }
        encoded.appendLineEnd()
    }

    /// A command with arguments that are texts.
    public init(
        _ name: StaticString, _ arguments: [String], access: Access = .write, tag: UInt8 = 0
    ) {
        let bytes = arguments.reduce(0) { $0 + $1.utf8.count + 16 }
        self.init(name, access: access, tag: tag, argumentBytes: bytes)
        for argument in arguments { append(argument) }
    }

    /// A command from all its words, the first of which is its name.
    public init(words: [[UInt8]], access: Access = .write, tag: UInt8 = 0) {
        self.access = access
        self.tag = tag
        count = 0
        encoded.reserveCapacity(words.reduce(0) { $0 + $1.count + 16 })
        for word in words { append(word) }
    }

    /// Adds an argument.
    public mutating func append(_ argument: Span<UInt8>) {
        begin(argument.count)
        encoded.append(copying: argument)
        encoded.appendLineEnd()
    }

    /// Adds an argument.
    public mutating func append(_ argument: [UInt8]) { append(argument.span) }

    /// Adds the UTF-8 of `argument`.
    public mutating func append(_ argument: String) {
        var argument = argument
        let count = argument.utf8.count
        begin(count)
        argument.withUTF8 { unsafe encoded.append(contentsOf: $0) }
        encoded.appendLineEnd()
    }

    /// Adds a number in decimal digits.
    public mutating func append(_ argument: Int) {
        var digits = DecimalDigits()
        digits.write(argument)
        begin(digits.count)
        digits.append(to: &encoded)
        encoded.appendLineEnd()
    }

    private mutating func begin(_ bytes: Int) {
        count += 1
        encoded.append(mark: UInt8(ascii: "$"), bytes)
    }

    /// At most this many bytes are sent for the command.
    var bytesMax: Int { encoded.count + 24 }

    /// Appends the command to `bytes` as it is sent.
    func encode(into bytes: inout [UInt8]) {
        bytes.append(mark: UInt8(ascii: "*"), count)
        bytes.append(contentsOf: encoded)
    }
}

/// The decimal digits of one number, without a `String`.
private struct DecimalDigits {
    /// 19 digits and a sign at most; filled from the end.
    private var digits = InlineArray<20, UInt8>(repeating: 0)
    private(set) var count = 0

    mutating func write(_ number: Int) {
        var rest = number.magnitude
        repeat {
            count += 1
            digits[20 - count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        if number < 0 {
            count += 1
            digits[20 - count] = UInt8(ascii: "-")
        }
    }

    func append(to bytes: inout [UInt8]) {
        for index in (20 - count)..<20 { bytes.append(digits[index]) }
    }
}

extension [UInt8] {
    /// Appends the bytes of `span`.
    mutating func append(copying span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends the line that begins an argument or an array: `mark`, a number, CR LF.
    fileprivate mutating func append(mark: UInt8, _ number: Int) {
        append(mark)
        if number < 10 {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number))
        } else {
            var digits = DecimalDigits()
            digits.write(number)
            digits.append(to: &self)
        }
        appendLineEnd()
    }

    fileprivate mutating func appendLineEnd() {
        append(13)
        append(10)
    }
}
