package cells

// Lone returns a ledger that knows the primary rule alone.
func Lone() *Ledger {
	l := New()
	l.lone = true
	return l
}
