// Command mutate changes the code, one place at a time, and tells which changes no test notices:
//
//	go run ./internal/mutate [-seed N] [-sample N] [-workers N] [-own] [package ...]
//
// A package is a folder, as ./internal/retry; without any, all that users run are meant. Of the possible changes (mutants.go) a
// sample is tried, chosen by the seed, or all with -sample 0. Those that don't compile don't count (check.go). The others are
// all compiled into the test programs at once, by an overlay, each to be switched on by an environment variable (switched.go),
// and run in a copy of the tree (apart.go). Where a test program doesn't come to a change it isn't run for it (suite.go). A
// package's own tests come first, then those of all that depend on it. Changes in equivalent.txt change nothing that can be
// told from outside, and are left out; each says why.
//
// It prints the survivors and the score: how many of a hundred were killed. The exit status is 0 if that is at least -goal.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
)

func main() {
	seed := flag.Uint64("seed", 1, "chooses the sample")
	size := flag.Int("sample", 200, "how many changes are tried; 0 for all")
	workers := flag.Int("workers", 2, "how many are tried at the same time")
	goal := flag.Float64("goal", 0, "the least score")
	own := flag.Bool("own", false, "run only the tests of the package itself, with -short: more survive, in less time")
	flag.Parse()
	score, err := measure(flag.Args(), *seed, *size, *workers, *own)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case score < *goal:
		os.Exit(1)
	}
}

func measure(patterns []string, seed uint64, size, workers int, own bool) (float64, error) {
	if err := limitMemory(); err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	defer endLeft(folder)
	if err := errors.Join(moveApart(folder), os.Setenv(folderVariable, folder)); err != nil { // whatever is started inherits it
		return 0, err
	}
	tree, err := load(patterns)
	if err != nil {
		return 0, err
	}
	mutants, err := tree.mutants()
	if err != nil {
		return 0, err
	}
	chosen := sample(mutants, seed, size)
	bench, valid, err := newBench(tree, chosen, folder)
	if err != nil {
		return 0, err
	}
	fmt.Printf("%d changes are possible; of %d tried, %d compile, %d of these only alone\n", len(mutants), len(chosen), len(valid), len(valid)-len(bench.trials))
	first := bench.own
	if own {
		first = bench.quick
	}
	survivors, err := bench.tryAll(valid, workers, first)
	if err == nil && !own {
		fmt.Fprintf(os.Stderr, "%d survive their own package's tests\n", len(survivors))
		survivors, err = bench.tryAll(survivors, workers, bench.dependents)
	}
	kills := len(valid) - len(survivors)
	score := 100 * float64(kills) / float64(max(len(valid), 1))
	for _, m := range survivors {
		fmt.Println(m)
	}
	fmt.Printf("%d killed, %d survived: %.1f %%\n", kills, len(survivors), score)
	return score, err
}

func sample(mutants []mutant, seed uint64, size int) []mutant {
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(mutants), func(i, j int) { mutants[i], mutants[j] = mutants[j], mutants[i] })
	if size == 0 || size > len(mutants) {
		return mutants
	}
	return mutants[:size]
}

// tryAll returns those that survive the tests that are run for each.
func (b *bench) tryAll(mutants []mutant, workers int, tests func(mutant) []run) ([]mutant, error) {
	queue, results := make(chan mutant), make(chan result)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for m := range queue {
				killed, err := b.try(m, tests(m))
				results <- result{m, killed, err}
			}
		})
	}
	go func() {
		for _, m := range mutants {
			queue <- m
		}
		close(queue)
		all.Wait()
		close(results)
	}()
	var errs []error
	var survivors []mutant
	tried := 0
	for r := range results {
		tried++
		errs = append(errs, r.err)
		if !r.killed {
			survivors = append(survivors, r.mutant)
			fmt.Fprintln(os.Stderr, "so far:", r.mutant)
		}
		if tried%50 == 0 {
			fmt.Fprintf(os.Stderr, "%d of %d tried, %d survive\n", tried, len(mutants), len(survivors))
		}
	}
	slices.SortFunc(survivors, func(a, b mutant) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.place, b.place)) })
	return survivors, errors.Join(errs...)
}

type result struct {
	mutant mutant
	killed bool
	err    error
}
