"""The forms of the newsroom. They check the format of the input; the verbs check the rest."""
