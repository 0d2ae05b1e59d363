package live

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The fields of what the system says of a process, after its name: utime and stime, and
// behind them those of children that have ended, in ticks of 10 ms.
const (
	cpuFirst    = 11
	cpuOwn      = 13
	cpuChildren = 15
	tick        = 10 * time.Millisecond
)

// CPU returns the CPU time that a process has used, user and system.
func CPU(pid int) (time.Duration, error) { return cpuIn(pid, cpuFirst, cpuOwn) }

// cpuIn sums fields of what the system says of a process, after its name.
func cpuIn(pid, from, to int) (time.Duration, error) {
	body, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("CPU time of the server: %w", err)
	}
	_, rest, _ := strings.Cut(string(body), ") ") // the name in parentheses may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < to {
		return 0, errors.New("CPU time of the server: /proc/PID/stat is not as expected")
	}
	var ticks int64
	for _, f := range fields[from:to] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time of the server: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// CPUOfServers returns the CPU time of processes and their children.
func CPUOfServers(pids []int) (sum time.Duration, err error) {
	ours := map[int]bool{}
	for _, pid := range pids {
		ours[pid] = true
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("processes: %w", err)
	}
	for _, file := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if ours[pid] || ours[parent(file)] {
			if used, err := cpuIn(pid, cpuFirst, cpuChildren); err == nil {
				sum += used
			}
		}
	}
	return sum, nil
}

// parent reads the id of a process's parent, 0 for a process that has ended.
func parent(stat string) int {
	body, err := os.ReadFile(stat)
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(body), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	pid, _ := strconv.Atoi(fields[1])
	return pid
}

// Memory returns how many bytes of memory a process has now, and had at most.
func Memory(pid int) (now, most int64, err error) {
	body, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, 0, fmt.Errorf("memory of the server: %w", err)
	}
	for line := range strings.Lines(string(body)) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if name != "VmRSS" && name != "VmHWM" || len(fields) == 0 {
			continue
		}
		kb, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("memory of the server: %w", err)
		}
		if name == "VmRSS" {
			now = kb << 10
		} else {
			most = kb << 10
		}
	}
	return now, most, nil
}
