module compare/redcon

go 1.19

require github.com/tidwall/redcon v1.6.2
