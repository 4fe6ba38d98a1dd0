"""Roll-outs: which of the signed models reaches which machine, wave by wave."""
