// Command bench measures the service beside baresip with its MQTT module: one broker, one driver, one run, one table.
//
// Goals: figures that a reader can repeat with one command; the two programs take turns sample by sample, so that
// what else the machine does hits both; moments are taken where they happen (the kernel's time stamp of a packet, the
// return of the read on the broker's connection) and with one clock.
//
// Non-goals: a limit that fails a test run. Only -check turns a missed target into an exit status.
//
// Ordering: signalling, then calls, then commands on the two programs started first; then starts, each of a new
// process; then the packet benchmarks of phone/media. Ownership: every program that is started belongs to a scope,
// which stops it by its process id.
package main
