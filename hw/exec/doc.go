// Package exec runs the commands that a person or a rule asks for: on this machine, or by SSH on another.
//
// Goals: nothing runs unless the operator has allowed it. A [Config] with an allow file opens the names in it and nothing else: a
// name stands for a list of arguments that the operator wrote, and what the sender adds fills the placeholders of
// that list, each checked against its kind, each within one argument, without a shell. Config.Shell opens everything. A
// command has a time-out, bounded output, no input and a clean environment, so that passwords in the environment of the
// service stay there. What it started in its process group ends with it.
//
// Non-goals: terminals, input, transferring files, agents and jump hosts, knowing who asked.
//
// Ordering: commands run side by side, each name once at a time and [MaxRunning] in all; more are refused, not queued.
//
// Ownership: a command belongs to the goroutine that called Run, which returns when the command has ended. The SSH
// connection is opened by the first command that needs it, kept for the next and ended by Close.
package exec
