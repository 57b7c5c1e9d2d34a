/// An id of the Argentine site: `MLA` and a number without leading zeros.
struct ResourceID: Equatable {
    let number: UInt64

    /// The site that all data belongs to.
    static let site = "MLA"
    /// Longer numbers name nothing; fits into 64 bits.
    private static let digitsMax = 18

    init(_ number: UInt64) { self.number = number }

    /// nil for anything that is not such an id.
    init?(_ text: Substring) {
        guard text.hasPrefix(ResourceID.site) else { return nil }
        let digits = text.dropFirst(ResourceID.site.count)
        guard !digits.isEmpty, digits.utf8.count <= ResourceID.digitsMax, digits.first != "0",
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(digits)
        else { return nil }
        self.number = number
    }

    /// The id as it is written.
    var text: String { "\(ResourceID.site)\(number)" }
}
