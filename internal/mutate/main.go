// Command mutate changes the code, one place at a time, and tells which changes no test notices:
//
//	go run ./internal/mutate [-seed N] [-sample N] [-workers N] [package ...]
//
// A package is a folder, as ./internal/retry; without any, all that users run are meant. Of the possible changes (mutants.go) a
// sample is tried, chosen by the seed, or all with -sample 0. Each is compiled by an overlay, so that the tree stays as it
// is, and tested by its own package first, then by all that depend on it. Changes that don't compile don't count. Those in
// equivalent.txt change nothing that can be told from outside, and are left out; each says why.
//
// It prints each survivor, and at the end the score: how many of a hundred were killed. The exit status is 0 if that is at
// least -goal.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
)

func main() {
	seed := flag.Uint64("seed", 1, "chooses the sample")
	size := flag.Int("sample", 200, "how many changes are tried; 0 for all")
	workers := flag.Int("workers", 2, "how many are tried at the same time")
	goal := flag.Float64("goal", 0, "the least score")
	flag.Parse()
	tree, err := load(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	mutants, err := tree.mutants()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Printf("%d changes are possible\n", len(mutants))
	if score := try(tree, sample(mutants, *seed, *size), *workers); score < *goal {
		os.Exit(1)
	}
}

func sample(mutants []mutant, seed uint64, size int) []mutant {
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(mutants), func(i, j int) { mutants[i], mutants[j] = mutants[j], mutants[i] })
	if size == 0 || size > len(mutants) {
		return mutants
	}
	return mutants[:size]
}

// try prints what becomes of the mutants, and returns the score.
func try(tree *tree, mutants []mutant, workers int) float64 {
	queue, results := make(chan mutant), make(chan result)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for m := range queue {
				results <- result{m, tree.try(m)}
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
	count := map[outcome]int{}
	for r := range results {
		count[r.outcome]++
		if r.outcome == survived {
			fmt.Println(r.mutant)
		}
	}
	tried := count[killed] + count[survived]
	score := 100 * float64(count[killed]) / float64(max(tried, 1))
	fmt.Printf("%d tried, %d killed, %d survived, %d didn't compile: %.1f %%\n", tried, count[killed], count[survived], count[invalid], score)
	return score
}

type result struct {
	mutant  mutant
	outcome outcome
}
