// Go with C: its handler makes panics of faults in Go, and a traceback and exit 2 of those in C. It goes to the kernel by itself for
// its alternate stacks.
// cgo recovered|nil|c|c_thread|abort|overflow|signals|threads
package main

/*
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int *volatile nothing;

__attribute__((noinline)) static void write_to_null(void)
{
    *nothing = 1;
}

static void *in_thread(void *argument)
{
    (void)argument;
    write_to_null();
    return NULL;
}

static void crash_in_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
}

extern void goCalled(int);

static void *call_go(void *argument)
{
    for (int i = 0; i < 200; i++)
        goCalled(i);
    return argument;
}

static void call_from_threads(void)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, call_go, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}
*/
import "C"

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

var nothing *int

//export goCalled
func goCalled(i C.int) {
	if recovers() != 1 {
		panic("not recovered")
	}
	if i == 199 {
		runtime.Gosched()
	}
}

//go:noinline
func writeToNil() { *nothing = 1 }

func recovers() (n int) {
	defer func() {
		if recover() != nil {
			n = 1
		}
	}()
	writeToNil()
	return 0
}

//go:noinline
func recurse(n int) int {
	var frame [100]int
	frame[n%100] = n
	return recurse(n+1) + frame[(n+1)%100]
}

func inGoroutines() {
	var group sync.WaitGroup
	for i := 0; i < 50; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			runtime.LockOSThread()
			for k := 0; k < 100; k++ {
				recovers()
			}
		}()
	}
	group.Wait()
}

func ownSignals() {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR1, syscall.SIGABRT)
	for _, each := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGABRT} {
		syscall.Kill(os.Getpid(), each)
		select {
		case one := <-got:
			fmt.Println("got", one)
		case <-time.After(5 * time.Second):
			fmt.Println("nothing came")
		}
	}
}

func main() {
	deed := ""
	if len(os.Args) > 1 {
		deed = os.Args[1]
	}
	fmt.Println("begins", deed)
	if ms, err := strconv.Atoi(os.Getenv("TORTURE_SLEEP_MS")); err == nil { // so that an exporter knows it before it dies
		time.Sleep(time.Duration(ms) * time.Millisecond)
	}
	switch deed {
	case "recovered":
		n := 0
		for i := 0; i < 100000; i++ {
			n += recovers()
		}
		inGoroutines()
		fmt.Println("recovered", n)
	case "nil":
		writeToNil()
	case "c":
		C.write_to_null()
	case "c_thread":
		C.crash_in_thread()
	case "abort":
		C.abort()
	case "overflow":
		fmt.Println(recurse(0))
	case "signals":
		ownSignals()
	case "threads":
		C.call_from_threads()
		inGoroutines()
	}
	fmt.Println("ends")
}
