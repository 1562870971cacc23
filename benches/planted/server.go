// HTTP servers with one planted bottleneck each: server BOTTLENECK. Prints the port.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

var lock sync.Mutex

func lockAcrossWork() {
	lock.Lock()
	defer lock.Unlock()
	time.Sleep(5 * time.Millisecond)
}

type node struct {
	left, right *node
	value       [4]int64
}

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1)}
}

// Lives on, so that each collection has to mark it.
var live *node

var last sync.Map

func allocationStorm() {
	last.Store(time.Now().UnixNano()%64, tree(12))
}

func main() {
	bottlenecks := map[string]func(){
		"lock-across-work": lockAcrossWork,
		"allocation-storm": allocationStorm,
		"nothing":          func() {},
	}
	name := os.Args[1]
	work := bottlenecks[name]
	if name == "allocation-storm" {
		live = tree(18)
		debug.SetGCPercent(20)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		work()
		fmt.Fprint(w, "ok")
	}
	panic(http.Serve(listener, http.HandlerFunc(handler)))
}
