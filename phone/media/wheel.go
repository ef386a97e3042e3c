package media

// wheelSlots is a power of two above the longest packet time plus the lateness
// that is still caught up, in ticks of 1 ms.
const wheelSlots = 128

// entry is an item and the tick when it is due.
type entry[T any] struct {
	item T
	due  int64
}

// wheel keeps items by the tick when they are due. All due ticks lie within
// wheelSlots of each other, so a slot holds items of one tick only.
type wheel[T any] struct {
	slots [wheelSlots][]entry[T]
	spare []entry[T]
	size  int
}

func (w *wheel[T]) slot(tick int64) *[]entry[T] { return &w.slots[tick&(wheelSlots-1)] }

func (w *wheel[T]) add(item T, due int64) {
	s := w.slot(due)
	*s = append(*s, entry[T]{item, due})
	w.size++
}

// company is how many items share a tick before the next ones get a tick of
// their own: few items wake the pacer less often together, many would send in
// bursts.
const company = 4

// place is the best of n ticks from a first one for a new item: the first that
// has company to offer, else the one with the fewest items.
func (w *wheel[T]) place(from int64, n int) int64 {
	best := from
	for t := from; t < from+int64(n); t++ {
		has := len(*w.slot(t))
		if has > 0 && has < company {
			return t
		}
		if has < len(*w.slot(best)) {
			best = t
		}
	}
	return best
}

// next is the first tick after last that has items; the wheel must not be
// empty.
func (w *wheel[T]) next(last int64) int64 {
	for t := last + 1; ; t++ {
		if len(*w.slot(t)) > 0 {
			return t
		}
	}
}

// take removes the items of a tick. The result is valid until the next take.
func (w *wheel[T]) take(tick int64) []entry[T] {
	s := w.slot(tick)
	clear(w.spare[:cap(w.spare)]) // lets go of items that have left
	*s, w.spare = w.spare[:0], *s
	w.size -= len(w.spare)
	return w.spare
}

// drain removes everything.
func (w *wheel[T]) drain() []entry[T] {
	var all []entry[T]
	for i := range w.slots {
		all = append(all, w.slots[i]...)
		w.slots[i] = nil
	}
	w.size = 0
	return all
}
