package limit

import (
	"testing"
	"time"
)

func TestTake(t *testing.T) {
	t.Parallel()
	b, now := New[string](60), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 15 {
		if wait := b.Take("a", now); wait != 0 {
			t.Fatalf("number %d waits %s", i+1, wait)
		}
	}
	for range 3 { // What was refused does not make it longer.
		if wait := b.Take("a", now); wait != time.Second {
			t.Fatalf("the sixteenth at once waits %s", wait)
		}
	}
	if wait := b.Take("b", now); wait != 0 {
		t.Errorf("somebody else waits %s", wait)
	}
	if wait := b.Take("a", now.Add(time.Second)); wait != 0 {
		t.Errorf("after a second it still waits %s", wait)
	}
	if New[string](1).Take("a", now) != 0 {
		t.Error("one in a minute is none")
	}
}

// Whoever comes under ever new names fills no memory, and takes nothing from those who are there all the time.
func TestRoomIsBounded(t *testing.T) {
	t.Parallel()
	b, now := New[int](4), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b.most = 100
	b.Take(-1, now)
	for i := range 10_000 {
		b.Take(i, now)
		if n := len(b.now) + len(b.old); n > 2*b.most {
			t.Fatalf("%d keys are remembered", n)
		}
		if i%50 == 0 && b.Take(-1, now) == 0 {
			t.Fatalf("after %d others it may again", i)
		}
	}
}
