package demo

import "testing"

// BenchmarkSeed makes the world in an empty, migrated database.
func BenchmarkSeed(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		d, _ := deps(b)
		b.StartTimer()
		if err := Seed(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
}
