name = "var-files"

limits = {
  batch = 7
  names = ["one", "two"]
}
