//go:build !race

package pair_test

const lives = 400
