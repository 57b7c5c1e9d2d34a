/// Something that collects work during a turn of a loop and does it once, when the turn is over.
public protocol TurnEnd: AnyObject {
    /// All events of the turn have been handled; the loop waits for the next ones afterwards.
    func turnEnds()
}
