"""How is the nearest device found that has what is asked?"""
