# Counts the lines of lcov files, build/coverage/CRATE.lcov, by crate; see scripts/coverage.
FNR == 1 { crate = FILENAME; gsub(/.*\/|\.lcov/, "", crate); order[++crates] = crate }
/^SF:/ { file = substr($0, 4); mine = index(file, "/crates/" crate "/src/"); last = mine ? end_of(file) : 0 }
/^DA:/ && mine {
  split(substr($0, 4), line, ",")
  if (line[1] + 0 > last) next
  all[crate]++
  if (line[2] + 0 > 0) reached[crate]++
  else miss(substr(file, mine + 1), line[1] + 0)
}
END {
  printf "%-8s %6s %8s %9s\n", "crate", "lines", "reached", "percent"
  for (n = 1; n <= crates; n++) {
    crate = order[n]
    percent = all[crate] ? 100 * reached[crate] / all[crate] : 0
    printf "%-8s %6d %8d %8.2f%%\n", crate, all[crate], reached[crate], percent
    if (percent < least) { failed = 1 }
  }
  for (n = 1; n <= crates; n++) if (missed[order[n]]) printf "\nnot reached in %s:%s\n", order[n], missed[order[n]]
  if (failed) { printf "\na crate is below %s%%\n", least > "/dev/stderr"; exit 1 }
}

# Notes a line that was not reached, lines that follow one another as a range.
function miss(file, line) {
  if (file != missed_file) missed[crate] = missed[crate] "\n  " file ": " line
  else if (line == missed_line + 1) sub(/(-[0-9]+)?$/, "-" line, missed[crate])
  else missed[crate] = missed[crate] ", " line
  missed_file = file
  missed_line = line
}

# The last line of `file` that is not of a test module.
function end_of(file,   text, line, at) {
  if (file ~ /\/(tests|fuzz|contract)\.rs$|\/tests\//) return 0
  while ((getline text < file) > 0) {
    line++
    if (at == line - 1 && at && text ~ /^(pub\(crate\) )?mod [a-z_]+ \{/) { close(file); return at - 1 }
    if (text ~ /^#\[cfg\(.*test/) at = line
  }
  close(file)
  return line
}
