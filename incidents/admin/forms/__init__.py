"""The forms of the newsroom. They check shapes; what makes sense is checked by the verbs."""
