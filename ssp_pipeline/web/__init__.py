"""What the portal and the command centre share: templates, words and figures in a language, the page policy,
fingerprinted files, the server.

Does not belong here: anything of one of the two, and anything of the other rooms.
"""
