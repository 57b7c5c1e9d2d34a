/// "Did you mean" for words that are not known.
enum Suggestion {
    /// The word of `known` closest to `word`, if it is close enough to be meant.
    static func closest(to word: String, of known: [String]) -> String? {
        guard word.utf8.count <= 64 else { return nil }
        let distances = known.map { (word: $0, distance: distance(word, $0)) }
        guard let best = distances.min(by: { ($0.distance, $0.word) < ($1.distance, $1.word) })
        else { return nil }
        return best.distance <= max(1, best.word.utf8.count / 3) ? best.word : nil
    }

    /// Insertions, deletions, replacements and swaps of neighbours that make `left` into `right`.
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        var before: [Int] = []
        var above = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let cost = left[row] == right[column] ? 0 : 1
                var best = min(above[column] + cost, above[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1],
                    left[row - 1] == right[column]
                {
                    best = min(best, before[column - 1] + 1)
                }
                current.append(best)
            }
            (before, above) = (above, current)
        }
        return above[right.count]
    }
}
