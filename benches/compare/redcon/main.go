// A server made with redcon: the commands of the comparison over a map, as its users write it.
package main

import (
	"log"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/tidwall/redcon"
)

var (
	lock  sync.RWMutex
	items = make(map[string][]byte)
)

func main() {
	err := redcon.ListenAndServe("127.0.0.1:"+os.Args[1], answer, nil, nil)
	log.Fatal(err)
}

func answer(conn redcon.Conn, cmd redcon.Command) {
	name := strings.ToUpper(string(cmd.Args[0]))
	if least[name] > len(cmd.Args) {
		conn.WriteError("ERR wrong number of arguments")
		return
	}
	switch name {
	case "PING":
		conn.WriteString("PONG")
	case "GET", "MGET", "EXISTS", "DBSIZE":
		lock.RLock()
		defer lock.RUnlock()
		read(conn, name, cmd.Args)
	case "SET", "MSET", "INCR", "APPEND", "DEL", "FLUSHALL":
		lock.Lock()
		defer lock.Unlock()
		write(conn, name, cmd.Args)
	default:
		conn.WriteError("ERR unknown command '" + name + "'")
	}
}

// How many words a command has at least.
var least = map[string]int{"GET": 2, "MGET": 2, "EXISTS": 2, "SET": 3, "MSET": 3, "INCR": 2, "APPEND": 3, "DEL": 2}

func read(conn redcon.Conn, name string, args [][]byte) {
	switch name {
	case "GET":
		writeValue(conn, args[1])
	case "MGET":
		conn.WriteArray(len(args) - 1)
		for _, key := range args[1:] {
			writeValue(conn, key)
		}
	case "EXISTS":
		_, there := items[string(args[1])]
		conn.WriteInt(number(there))
	case "DBSIZE":
		conn.WriteInt(len(items))
	}
}

func write(conn redcon.Conn, name string, args [][]byte) {
	key := string(args[1%len(args)])
	switch name {
	case "SET", "MSET":
		for i := 1; i+1 < len(args); i += 2 {
			items[string(args[i])] = append([]byte(nil), args[i+1]...)
		}
		conn.WriteString("OK")
	case "INCR":
		value, _ := strconv.ParseInt(string(items[key]), 10, 64)
		items[key] = strconv.AppendInt(nil, value+1, 10)
		conn.WriteInt64(value + 1)
	case "APPEND":
		items[key] = append(items[key], args[2]...)
		conn.WriteInt(len(items[key]))
	case "DEL":
		_, there := items[key]
		delete(items, key)
		conn.WriteInt(number(there))
	case "FLUSHALL":
		items = make(map[string][]byte)
		conn.WriteString("OK")
	}
}

func writeValue(conn redcon.Conn, key []byte) {
	if value, there := items[string(key)]; there {
		conn.WriteBulk(value)
	} else {
		conn.WriteNull()
	}
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
