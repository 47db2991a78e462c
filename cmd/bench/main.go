package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

func main() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "learnscape-bench-")
	os.Chmod(dir, 0o755)
	c, err := startCluster(ctx, dir)
	if err != nil { panic(err) }
	defer c.Stop()
	t := time.Now()
	for _, w := range []struct{n string; s size}{{"small", size{40, 250, 10000, 500}}, {"big", size{200, 5000, 100000, 4000}}} {
	err = makeWorld(ctx, c, w.n, w.s, func(s string) { fmt.Println(w.n, s, time.Since(t)) })
	fmt.Println(w.n, err, time.Since(t))
	}
	fmt.Println(dir, c.Socket)
}
